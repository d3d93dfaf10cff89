"""Zones signed by BIND's dnssec-signzone, in turn with NSEC, with NSEC3 and with NSEC3 and opt-out.

A zone whose parent is among them has its DS there, if it is delegated there at all, two times in three.
"""
import concurrent.futures
import glob
import os
import subprocess

import peers

PROGRAMS = ("dnssec-keygen", "dnssec-signzone")
KINDS = ("NSEC", "NSEC3", "opt-out")
LIFETIME_S = 30 * 24 * 3600


class Signed:
    """`path`: the signed zone; `kind`: one of KINDS; `key`: its DNSKEY as a line of a master file."""

    def __init__(self, apex, path, kind, key):
        self.apex, self.path, self.kind, self.key = apex, path, kind, key


def missing_programs():
    return [each for each in PROGRAMS if peers.program(each) is None]


def _run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _sign(directory, number, apex, text):
    place = os.path.join(directory, "sign%d" % number)
    os.makedirs(place)
    plain, signed = os.path.join(place, "plain"), os.path.join(place, "signed")
    with open(plain, "w", encoding="utf-8") as out:
        out.write(text)
    made = _run(peers.program("dnssec-keygen"), "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", place, apex)
    if made.returncode:
        raise AssertionError("dnssec-keygen %s: %s" % (apex, made.stderr))
    common = [peers.program("dnssec-signzone"), "-q", "-P", "-z", "-x", "-S", "-K", place, "-o", apex, "-f", signed,
              "-N", "keep", "-e", "+%d" % LIFETIME_S, "-d", directory if number % 3 else place, "-g"]
    kind = KINDS[number % 3]
    extra = {"NSEC": [], "NSEC3": ["-3", "-" if number % 2 else "aabbccdd", "-H", str(number % 4)],
             "opt-out": ["-3", "-" if number % 2 else "00ff", "-H", "0", "-A"]}
    done = _run(*common, *extra[kind], plain)
    if done.returncode and "name too long" in done.stderr:
        # BIND hashes wildcards that would be longer than names may be.
        kind = "NSEC"
        done = _run(*common, plain)
    if done.returncode:
        raise AssertionError("dnssec-signzone %s: %s" % (apex, done.stderr))
    with open(glob.glob(os.path.join(place, "K*.key"))[0], encoding="utf-8") as lines:
        key = next(line.strip() for line in lines if not line.startswith(";"))
    # The DS of this zone, for its parent, which is signed later.
    for file in glob.glob(os.path.join(place, "dsset-*")):
        os.replace(file, os.path.join(directory, os.path.basename(file)))
    return Signed(apex, signed, kind, key)


def _plain_text(zone, apexes):
    """Without what nobody signs: keys elsewhere than at the apex, made-up DS of zones that have real ones, TTLs
    beyond the life of a signature, to which the signer would cut that of the signature alone."""
    kept = []
    for line in zone.text.splitlines():
        owner, _, _, rtype = line.split(" ", 4)[:4]
        if rtype == "DNSKEY" or (rtype == "DS" and owner in apexes):
            continue
        kept.append(line.replace(" 2147483647 IN ", " 2000000 IN "))
    return "\n".join(kept) + "\n"


def sign_all(zones, directory, processes=2):
    """Signed zones in the order of `zones`, which are tricky_zones."""
    apexes = {zone.apex for zone in zones}
    levels = sorted({zone.apex.count(".") for zone in zones}, reverse=True)
    signed = {}
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        for level in levels:  # children first: parents take their DS
            jobs = {zone.apex: pool.submit(_sign, directory, number, zone.apex, _plain_text(zone, apexes))
                    for number, zone in enumerate(zones) if zone.apex.count(".") == level}
            signed.update({apex: job.result() for apex, job in jobs.items()})
    return [signed[zone.apex] for zone in zones]
