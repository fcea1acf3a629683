"""Makes the files of the table test in the folder that is named: with openssl, and with what Python brings along."""

import os
import sys

import certificates
import containers
import messages

os.chdir(sys.argv[1])
desk = certificates.Desk()
leaf = certificates.make(desk)
containers.make(desk, leaf)
messages.make(desk)
