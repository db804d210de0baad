"""Download or copy one resource, check its digest and unpack it."""

from pathlib import Path

from cisflow.io import download


def arguments(parser):
    parser.add_argument("--url", required=True, help="http(s)://, file:// or a path")
    parser.add_argument("--name", required=True, help="what messages call the resource")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--sha256", default="", help="expected digest of the file as downloaded")
    parser.add_argument("--md5", default="", help="expected digest of the file as downloaded")
    parser.add_argument("--member", default="", help="file to take from an archive: its path, or its name if unique")


def run(args):
    download.fetch(args.url, args.name, args.output, sha256=args.sha256, md5=args.md5, member=args.member)
