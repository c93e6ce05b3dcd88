"""Tests on real engines and a real object store, each started on this machine by the test itself."""
