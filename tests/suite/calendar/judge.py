"""Judges calendars, with what others made to read and to keep them.

    judge.py read FILE            three readers must take the file and see the same in it; prints its events
    judge.py import FILE...       puts one file after the other into a real calendar server; prints what it holds each time

scripts/calendar.txt says which packages it takes.
"""

import base64
import http.client
import json
import pathlib
import sys
import tempfile
import threading
import urllib.parse
import wsgiref.simple_server

import icalendar
import vobject
from ical.calendar_stream import IcsCalendarStream

ICS = "text/calendar; charset=utf-8"


def read(path):
    """The events of a file: what each reader is strict about is asserted."""
    data = pathlib.Path(path).read_bytes()
    assert data.endswith(b"\r\n"), "the last line has no end"
    for line in data[:-2].split(b"\r\n"):
        assert len(line) <= 75, f"too long: {line}"
        assert b"\r" not in line and b"\n" not in line, f"half a line end: {line}"
        line.decode("utf-8")
    text = data.decode("utf-8")

    calendar = icalendar.Calendar.from_ical(data)
    for component in calendar.walk():
        assert component.errors == [], component.errors
        missing = [name for name in component.required if name not in component]
        assert missing == [], f"{component.name} has no {missing}"
    events = [
        {
            "uid": str(event["UID"]),
            "day": event.decoded("DTSTART").isoformat(),
            "until": event.decoded("DTEND").isoformat(),
            "sequence": int(event["SEQUENCE"]),
            "stamp": event.decoded("DTSTAMP").isoformat(),
            "summary": str(event["SUMMARY"]),
            "description": str(event["DESCRIPTION"]),
            "url": str(event["URL"]) if "URL" in event else None,
            "categories": [str(category) for category in event["CATEGORIES"].cats],
        }
        for event in calendar.walk("VEVENT")
    ]
    assert len({event["uid"] for event in events}) == len(events), "a UID is there twice"

    second = vobject.readOne(text)
    second.validate(raiseException=True)
    seen = [(event.uid.value, event.dtstart.value.isoformat(), event.summary.value) for event in second.contents.get("vevent", [])]
    assert sorted(seen) == sorted((event["uid"], event["day"], event["summary"]) for event in events), "vobject sees other events"

    third = IcsCalendarStream.calendar_from_ics(text)
    seen = [(event.uid, event.dtstart.isoformat(), event.summary, event.description) for event in third.events]
    known = [(event["uid"], event["day"], event["summary"], event["description"]) for event in events]
    assert sorted(seen) == sorted(known), "ical sees other events"
    return {"name": str(calendar["X-WR-CALNAME"]), "told": str(calendar["X-WR-CALDESC"]), "events": events}


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Server:
    """A calendar server on loopback, with one calendar in it."""

    HOME = "/kim/"
    CALENDAR = "/kim/dates/"

    def __init__(self, folder):
        from radicale import app, config

        settings = config.load()
        settings.update(
            {"auth": {"type": "none"}, "storage": {"filesystem_folder": folder}, "logging": {"level": "error"}}, "judge"
        )
        self.server = wsgiref.simple_server.make_server(
            "127.0.0.1", 0, app.Application(settings), handler_class=Quiet
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        status, body = self.ask("MKCALENDAR", self.CALENDAR)
        assert status == 201, (status, body)

    def ask(self, method, path, body=b""):
        connection = http.client.HTTPConnection(*self.server.server_address, timeout=30)
        login = base64.b64encode(b"kim:").decode()
        connection.request(method, path, body, {"Authorization": f"Basic {login}", "Content-Type": ICS})
        answer = connection.getresponse()
        answered = answer.status, answer.read()
        connection.close()
        return answered

    def put(self, event, name):
        """Puts one event under a name, as a program that imports does."""
        one = icalendar.Calendar()
        one.add("VERSION", "2.0")
        one.add("PRODID", "-//judge//EN")
        one.add_component(event)
        path = self.CALENDAR + urllib.parse.quote(name, safe="") + ".ics"
        return self.ask("PUT", path, one.to_ical())[0]

    def events(self):
        status, body = self.ask("GET", self.CALENDAR)
        assert status == 200, status
        return {
            str(event["UID"]): {"day": event.decoded("DTSTART").isoformat(), "sequence": int(event["SEQUENCE"])}
            for event in icalendar.Calendar.from_ical(body).walk("VEVENT")
        }, body.count(b"BEGIN:VEVENT")

    def take(self, path):
        """Imports a file: an event whose UID is known replaces the known one."""
        statuses = []
        for event in icalendar.Calendar.from_ical(pathlib.Path(path).read_bytes()).walk("VEVENT"):
            uid = str(event["UID"])
            statuses.append(self.put(event, uid))
            # Whoever would add it a second time is told by the server that it is there.
            assert self.put(event, "second-" + uid) == 409, f"{uid} could be doubled"
        events, count = self.events()
        return {"statuses": sorted(set(statuses)), "count": count, "events": events}


def main():
    command, *files = sys.argv[1:]
    if command == "read":
        [file] = files
        return read(file)
    assert command == "import", command
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        return [server.take(file) for file in files]


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
