"""Scripts that run in a child process, with nothing of netsurgery to lean on.

They are plain files for the interpreter that has the engine, which can be as old as Python
2.7, and import only numpy, the engine and ``channel``.
"""
