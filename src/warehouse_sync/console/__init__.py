"""The console: people in a browser. Server-side Python; reads and writes only through the public API, as the credential that signed in."""
