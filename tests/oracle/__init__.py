"""The published numbers counted a second time, from raw rows, by code that shares nothing with the service."""
