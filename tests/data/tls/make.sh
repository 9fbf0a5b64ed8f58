#!/bin/sh
# Makes the certificates here: an authority, certificates that it signed, and one of another
# authority. All but `expired` are good until the end of 2037. Needs the openssl command.
set -e
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/ca.conf" <<END
[ca]
default_ca = this
[this]
new_certs_dir = $work
database = $work/index
serial = $work/serial
default_md = sha256
policy = any
unique_subject = no
email_in_dn = no
[any]
domainComponent = optional
organizationName = optional
organizationalUnitName = optional
commonName = supplied
END
: > "$work/index"
echo 1000 > "$work/serial"

authority() {  # authority <name> <common name>
  openssl ecparam -name prime256v1 -genkey -noout -out "$1-key.pem"
  openssl req -new -key "$1-key.pem" -subj "/CN=$2" -out "$work/$1.csr"
  printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' > "$work/ext"
  openssl ca -batch -notext -config "$work/ca.conf" -selfsign -keyfile "$1-key.pem" -in "$work/$1.csr" \
    -startdate 20200101000000Z -enddate 20371231000000Z -extfile "$work/ext" -out "$1.pem"
}

leaf() {  # leaf <name> <authority> <end> <usage> <alternative names> [<subject>]
  openssl ecparam -name prime256v1 -genkey -noout -out "$1-key.pem"
  openssl req -new -key "$1-key.pem" -subj "${6:-/CN=$1}" -out "$work/$1.csr"
  printf 'extendedKeyUsage=%s\nsubjectAltName=%s\n' "$4" "$5" > "$work/ext"
  openssl ca -batch -notext -config "$work/ca.conf" -cert "$2.pem" -keyfile "$2-key.pem" -in "$work/$1.csr" \
    -startdate 20200101000000Z -enddate "$3" -extfile "$work/ext" -out "$1.pem"
}

authority ca "petiole test authority"
authority other-ca "another test authority"
leaf server ca 20371231000000Z serverAuth "DNS:hub.example,DNS:localhost,IP:127.0.0.1,IP:::1"
leaf expired ca 20210101000000Z serverAuth "DNS:hub.example"
leaf client ca 20371231000000Z clientAuth "DNS:leaf.example"
leaf stranger other-ca 20371231000000Z clientAuth,serverAuth "DNS:hub.example"
leaf second ca 20371231000000Z serverAuth "DNS:second.example,DNS:*.third.example"
leaf mapped ca 20371231000000Z clientAuth \
  "email:box@plant.example,DNS:box.plant.example,DNS:box,URI:spiffe://plant/box" \
  "/DC=example/O=Plant, Inc./OU=Line 1/CN=box"
