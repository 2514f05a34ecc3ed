"""STS."""

from calls import ACCOUNT, good


def sts():
    good("sts", "GetCallerIdentity", {}, lambda a: a["Account"] == ACCOUNT and a["Arn"].startswith("arn:aws:iam::"))
