"""The stream: a Faust app whose messages are chunks, from raw topics by way of the gate to tables."""
