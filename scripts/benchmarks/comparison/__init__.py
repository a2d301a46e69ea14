"""What two builds are held against, one file a job: each has MINUTES and a `measure(bench)`."""
