"""A curl for machines without one: the options that `client-config` uses.

Writes its arguments and its standard input to the file in CURL_LOG, each as a line of JSON, and sends the request.
"""

import json
import os
import sys
import urllib.request

VALUES = ("-H", "--data", "--aws-sigv4", "--config")


def main():
    words = iter(sys.argv[1:])
    url, headers, data = None, {}, None
    piped = "" if sys.stdin.isatty() else sys.stdin.read()
    for word in words:
        value = next(words) if word in VALUES else None
        if word == "-H":
            for line in piped.splitlines() if value == "@-" else [value]:
                name, _, text = line.partition(":")
                headers[name] = text.strip()
        elif word == "--data":
            data = value.encode()
        elif word not in ("-sS", *VALUES):
            url = word
    with open(os.environ["CURL_LOG"], "w", encoding="utf-8") as log:
        print(json.dumps(sys.argv), json.dumps(piped), sep="\n", file=log)
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        print(answer.read().decode())


main()
