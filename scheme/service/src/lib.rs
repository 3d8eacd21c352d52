//! Serves any driver as a scheme, and makes a file of the system a block port.
