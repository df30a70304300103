"""For all tests in Python: signals as a terminal leaves them."""

import signal

# Who starts us in the background of a script, or under nohup, leaves SIGINT ignored; this is inherited by every program that tests
# start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
