#!/usr/bin/env python3
"""Counts, in the signers' own audit logs, what every presignature was used for."""
import argparse, collections, json, sys

parser = argparse.ArgumentParser()
parser.add_argument('--threshold', type=int, required=True)
parser.add_argument('--at-least', type=int, required=True, help='presignatures that must have been used')
parser.add_argument('logs', nargs='+')
options = parser.parse_args()

contents = collections.defaultdict(set)
answers = collections.Counter()
for log, path in enumerate(options.logs):
    for line in open(path):
        entry = json.loads(line)
        if entry['outcome'] not in ('signed', 'repeated'):
            continue
        contents[entry['presignature']].add((entry['key'], entry['context'], entry['content_sha256']))
        if entry['outcome'] == 'signed':
            answers[entry['presignature'], log] += 1

twice = [p for p, c in contents.items() if len(c) > 1]
again = [p for p, n in answers.items() if n > 1]
signers = collections.Counter(p for p, _ in answers)
too_many = [p for p, n in signers.items() if n > options.threshold]
print(f'{len(contents)} presignatures used; {len(twice)} for two contents; {len(again)} taken twice by one signer; '
      f'{len(too_many)} answered by more than {options.threshold} signers')
sys.exit(1 if twice or again or too_many or len(contents) < options.at_least else 0)
