"""All that real Caffe would abort on, and what it would silently get wrong: one check a trouble."""
