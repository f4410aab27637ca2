"""What checks may ask of the machine, one file for each part. Nothing here logs in, writes or takes exclusively."""
