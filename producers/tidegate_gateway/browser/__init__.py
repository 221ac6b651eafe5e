"""The browser SDK's edge: its bundle at /tidegate.js, and the beacons that its pages send."""
