"""Reports: published figures together with their input rows, from which every report can be rebuilt."""
