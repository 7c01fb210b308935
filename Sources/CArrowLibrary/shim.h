// Only carries the compiler and linker flags of Arrow; C++ includes its headers itself.
