"""Zones signed in turn by BIND's dnssec-signzone and by ldns-signzone, with NSEC, with NSEC3 and with NSEC3 and opt-out.

A zone whose parent is among them has its DS there, if it is delegated there at all, two times in three.
"""
import concurrent.futures
import glob
import os
import re
import subprocess

import comparable
import peers

PROGRAMS = ("dnssec-keygen", "dnssec-signzone", "dnssec-verify", "dnssec-dsfromkey", "ldns-keygen", "ldns-signzone")
KINDS = ("NSEC", "NSEC3", "opt-out")
SIGNERS = ("bind", "ldns")
LIFETIME_S = 30 * 24 * 3600
# Wildcards below longer names are no names: BIND does not hash them, and NSD dies of it.
LONGEST_HASHED = 253


class Signed:
    """`path`: the signed zone; `kind`: one of KINDS; `signer`: one of SIGNERS; `key`: its DNSKEY as a line of a
    master file."""

    def __init__(self, apex, path, kind, signer, key):
        self.apex, self.path, self.kind, self.signer, self.key = apex, path, kind, signer, key


def missing_programs():
    return [each for each in PROGRAMS if peers.program(each) is None]


def _run(name, *arguments, cwd=None):
    return subprocess.run([peers.program(name), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, cwd=cwd)


def _key(name, apex, place, *arguments):
    """Makes a key in a directory; its file without the suffix."""
    made = _run(name, "-a", "ECDSAP256SHA256", *arguments, apex, cwd=place)
    if made.returncode:
        raise AssertionError("%s %s: %s" % (name, apex, made.stderr))
    return glob.glob(os.path.join(place, "K*.key"))[0][:-len(".key")]


def _sign_by_bind(place, apex, plain, signed, kind, number, directory):
    """The kind of what was made."""
    _key("dnssec-keygen", apex, place, "-q", "-f", "KSK")
    common = ["-q", "-P", "-z", "-x", "-S", "-K", place, "-o", apex, "-f", signed, "-N", "keep",
              "-e", "+%d" % LIFETIME_S, "-d", directory if number % 3 else place, "-g"]
    extra = {"NSEC": [], "NSEC3": ["-3", "-" if number % 2 else "aabbccdd", "-H", str(number % 4)],
             "opt-out": ["-3", "-" if number % 2 else "00ff", "-H", "0", "-A"]}
    done = _run("dnssec-signzone", *common, *extra[kind], plain)
    if done.returncode and "name too long" in done.stderr:
        kind = "NSEC"
        done = _run("dnssec-signzone", *common, plain)
    if done.returncode:
        raise AssertionError("dnssec-signzone %s: %s" % (apex, done.stderr))
    return kind


def _delegated(text):
    return {line.split(" ", 1)[0] for line in text.splitlines() if line.split(" ", 4)[3] == "NS"}


def _sign_by_ldns(place, apex, text, signed, kind, number, directory):
    """The kind of what was made; None where ldns writes what nobody can read, as it does not quote each octet of a
    name or a string."""
    if any(len(comparable.wire_name(line.split(" ", 1)[0])) > LONGEST_HASHED for line in text.splitlines()):
        kind = "NSEC"
    plain = os.path.join(place, "plain-with-ds")
    with open(plain, "w", encoding="utf-8") as out:
        out.write(text)
        for child in sorted(_delegated(text)) if number % 3 else []:
            path = os.path.join(directory, "dsset-" + child)
            if child != apex and os.path.exists(path):
                with open(path, encoding="utf-8") as lines:
                    out.write("".join(" ".join([child, "3600", *line.split()[1:]]) + "\n" for line in lines))
    key = _key("ldns-keygen", apex, place, "-k")
    extra = {"NSEC": [], "NSEC3": ["-n", "-s", "aabbccdd", "-t", str(number % 4)], "opt-out": ["-n", "-p", "-t", "0"]}
    done = _run("ldns-signzone", "-o", apex, "-f", signed, *extra[kind], plain, key)
    if done.returncode or _run("dnssec-verify", "-q", "-z", "-x", "-o", apex, signed).returncode:
        return None
    with open(signed, encoding="utf-8") as lines:
        return None if re.search(r"(^|\s)@\.", lines.read(), re.M) else kind  # NSD takes no such @


def _sign(directory, number, apex, text):
    place = os.path.join(directory, "sign%d" % number)
    os.makedirs(place)
    plain, signed = os.path.join(place, "plain"), os.path.join(place, "signed")
    with open(plain, "w", encoding="utf-8") as out:
        out.write(text)
    kind, signer = KINDS[number % 3], SIGNERS[number // 3 % 2]
    if signer == "ldns":
        made = _sign_by_ldns(place, apex, text, signed, kind, number, directory)
        if made is None:
            for file in glob.glob(os.path.join(place, "K*")):
                os.remove(file)
            signer = "bind"
        kind = made or kind
    if signer == "bind":
        kind = _sign_by_bind(place, apex, plain, signed, kind, number, directory)
    key_file = glob.glob(os.path.join(place, "K*.key"))[0]
    with open(key_file, encoding="utf-8") as lines:
        key = next(line.split(";")[0].strip() for line in lines if not line.startswith(";"))
    # The DS of this zone, for its parent, which is signed later.
    made = _run("dnssec-dsfromkey", "-2", key_file)
    if made.returncode:
        raise AssertionError("dnssec-dsfromkey %s: %s" % (apex, made.stderr))
    with open(os.path.join(directory, "dsset-" + apex), "w", encoding="utf-8") as out:
        out.write(made.stdout)
    return Signed(apex, signed, kind, signer, key)


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
