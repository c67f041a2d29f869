"""How files and standard streams are read and written: never a hang, never half a file, no crash on a closed one."""
