"""Reading and writing of files and standard streams without hangs or half files; what is in them lives elsewhere."""
