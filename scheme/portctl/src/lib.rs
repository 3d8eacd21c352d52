//! The tool: looks at ports and moves data through them.
