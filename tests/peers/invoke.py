"""Invokes a function by its name with an event, and prints what it answered."""

import sys

import boto3

answer = boto3.client("lambda").invoke(FunctionName=sys.argv[1], Payload=sys.argv[2])
sys.stdout.write(answer["Payload"].read().decode())
