"""What the stack costs on AWS, from counted calls and published prices: `make costs`."""
