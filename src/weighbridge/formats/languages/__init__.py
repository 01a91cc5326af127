"""What other languages serialize: R, Java, Julia, MATLAB."""
