#!/usr/bin/env python3
"""Invented records of a maintenance organisation, for the tables in assets/tables/maintenance.

    maintenance.py DIR [SCALE] [DAY]    writes DIR/TABLE.jsonl for each table, as `outpost import` reads it

The same SCALE (how many times the usual 1,900 records) and DAY (YYYY-MM-DD, what "today" is) give the same files.
Nobody in them exists, nor does any place or company.
"""

import datetime
import json
import random
import sys
from pathlib import Path

COUNTS = {
    "sites": 12, "buildings": 24, "locations": 60, "teams": 8, "people": 40, "companies": 26, "assetTypes": 16,
    "assets": 130, "inspections": 100, "checks": 220, "meters": 36, "meterReadings": 300, "workOrders": 150,
    "workSteps": 230, "workHours": 160, "parts": 72, "stores": 6, "stockItems": 90, "partsUsed": 70,
    "purchaseOrders": 36, "incidents": 24, "permits": 30, "vehicles": 16, "tools": 48, "tasks": 60,
}
FIXED = {"assetTypes"}          # as many at any scale

PLACES = ["North", "South", "Quarry Road", "Mill Lane", "Harbour", "Old Weir", "Ridge", "Canal Street", "Birchfield",
          "Upper Ford", "Station Road", "Gravel Pit", "Long Meadow", "East Bank", "Chapel Hill", "Sandholm"]
SITE_KINDS = {"depot": "depot", "pumping station": "pumping station", "treatment works": "treatment works",
              "substation": "substation", "yard": "yard"}
CITIES = ["Arnsby", "Millbrook", "Sandholm", "Westerleigh", "Norford", "Castle Harrow"]
FIRST = ["Maria", "Tomas", "Aisha", "Peter", "Ingrid", "Samuel", "Lena", "Mikael", "Rosa", "David", "Nadia", "Henrik",
         "Chloe", "Omar", "Julia", "Viktor", "Grace", "Pavel", "Hanna", "Luis"]
LAST = ["Lindqvist", "Okafor", "Brandt", "Nowak", "Ferreira", "Harris", "Petrov", "Jansen", "Moreau", "Singh", "Keller",
        "Walsh", "Costa", "Hansen", "Yilmaz", "Doyle", "Novak", "Berg", "Rossi", "Adeyemi"]
TRADES = ["electrician", "fitter", "plumber", "welder", "instrument technician", "driver", "inspector", "storekeeper",
          "planner"]
COMPANY = ["Arbor", "Norsk-Delta", "Hallmere", "Veltrix", "Osterby", "Quendal", "Brightwater", "Corvane", "Talbrook",
           "Meridor", "Fenwick & Sons", "Altamar", "Grunwell"]
TRADE = [("Pumps", "manufacturer"), ("Drives", "manufacturer"), ("Instruments", "manufacturer"),
         ("Valves", "manufacturer"), ("Bearing Supply", "supplier"), ("Industrial Supply", "supplier"),
         ("Electrical Contractors", "contractor"), ("Crane Hire", "contractor"), ("Technical Inspection", "inspection body")]
ASSET_TYPES = [
    ("Centrifugal pump", "PU", "mechanical", 20, 90, 8500, ["Seal dry", "Bearing temperature", "Coupling guard fixed"]),
    ("Gate valve", "GV", "mechanical", 30, 365, 1200, ["Spindle greased", "No leak at the gland", "Opens and shuts fully"]),
    ("Electric motor", "EM", "electrical", 20, 180, 5200, ["Fan clean", "Terminal box shut", "No unusual noise"]),
    ("Pressure gauge", "PG", "instruments", 10, 365, 140, ["Zero point", "Glass whole", "Calibration sticker valid"]),
    ("Level sensor", "LS", "instruments", 10, 180, 620, ["Probe clean", "Reading agrees with the staff gauge"]),
    ("Flow meter", "FM", "instruments", 15, 365, 3400, ["Display lit", "Reading plausible", "Seal unbroken"]),
    ("Switchboard", "SB", "electrical", 30, 365, 24000, ["Doors shut", "No smell", "Labels readable"]),
    ("Transformer", "TR", "electrical", 40, 365, 61000, ["Oil level", "Silica gel blue", "No oil on the ground"]),
    ("Emergency generator", "GE", "electrical", 25, 30, 38000, ["Fuel above half", "Battery voltage", "Started and ran 10 min"]),
    ("Air compressor", "CO", "mechanical", 15, 90, 9800, ["Condensate drained", "Oil level", "Safety valve lifts"]),
    ("Conveyor belt", "CB", "mechanical", 15, 30, 15500, ["Pull cord works", "Belt runs straight", "Guards in place"]),
    ("Crane, 5 t", "CR", "mechanical", 30, 365, 42000, ["Hook latch", "Rope without broken wires", "Limit switch works"]),
    ("Fire extinguisher", "FE", "safety", 12, 365, 90, ["Seal unbroken", "Pressure in the green", "Sign can be seen"]),
    ("Emergency light", "EL", "safety", 8, 180, 75, ["Lights on test", "Cover whole"]),
    ("Roller door", "RD", "building", 20, 180, 4100, ["Light barrier stops it", "Springs whole"]),
    ("Ventilation fan", "VF", "building", 15, 180, 1900, ["Filter clean", "Belt tension", "No vibration"]),
]
ROOMS = [("Pump room", "room"), ("Switch room", "room"), ("Workshop bay 1", "bay"), ("Workshop bay 2", "bay"),
         ("Control room", "room"), ("Valve shaft", "shaft"), ("Roof", "roof"), ("Inlet tank", "tank"),
         ("Settling tank 2", "tank"), ("Loading dock", "outdoors"), ("Boiler room", "room"), ("Battery room", "room")]
FAULTS = ["Leak at the shaft seal", "Trips after ten minutes", "Bearing is loud", "Does not start by remote control",
          "Reads too low", "Cover plate missing", "Vibrates at high speed", "Oil on the floor below", "Cable chafed",
          "Opens only by hand", "Alarm does not clear", "Corrosion at the base"]
JOBS = ["Replace the shaft seal of", "Grease", "Calibrate", "Change the filter of", "Repaint", "Tighten the flange of",
        "Replace the bearing of", "Test the alarm of", "Clean", "Renew the labels of", "Insulate", "Drain and inspect"]
STEPS = ["Isolate and lock", "Prove dead", "Drain", "Take off the guard", "Change the part", "Clean the seat",
         "Put the guard back", "Fill and vent", "Take the lock off", "Run for ten minutes", "Tell the control room",
         "Tidy up"]
ACTIVITIES = ["Repair on site", "Journey to site", "Waiting for the permit", "Inspection round", "Fetching parts",
              "Writing the report", "Stand-by", "Stocktaking", "Toolbox talk", "Cleaning the workshop"]
PARTS = [("Ball bearing", "bearings", "piece", 14), ("Shaft seal", "seals", "piece", 48), ("O-ring set", "seals", "box", 22),
         ("Air filter", "filters", "piece", 31), ("Oil filter", "filters", "piece", 12), ("Contactor", "electrical", "piece", 39),
         ("Fuse", "electrical", "box", 17), ("Cable 4 mm2", "electrical", "metre", 3), ("Bolt M16", "fasteners", "box", 26),
         ("Bearing grease", "lubricants", "kilogram", 19), ("Gear oil", "lubricants", "litre", 11),
         ("Ball valve", "valves", "piece", 64), ("Pressure transmitter", "instruments", "piece", 310),
         ("Safety goggles", "safety", "piece", 9), ("V-belt", "fasteners", "piece", 16)]
SIZES = ["6204", "6308", "DN 25", "DN 50", "DN 80", "M12", "230 V", "10 bar", "40 mm", "55 mm"]
INCIDENTS = [
    ("Slipped on the wet step at the inlet", "injury", "Sprained wrist; first aid given on site."),
    ("Hose burst while filling the tank", "spill", "About 40 l of coagulant; held back by the bund."),
    ("Forklift hit the racking", "damage", "Two uprights bent; bay closed off."),
    ("Lifting strap tore at half load", "near miss", "Nobody below; the strap had no test tag."),
    ("Copper cable taken from the yard", "theft", "Fence cut at the north side; police informed."),
    ("Smoke from the switchboard", "fire", "Switched off by the night shift; no damage beside the contactor."),
    ("Gate found open in the morning", "security", "Padlock was not closed; nothing is missing."),
    ("Cover of the valve shaft was missing", "near miss", "Found on the walk-round; barrier put up."),
]
PERMITS = [("Weld the bracket at", "hot work"), ("Enter and clean", "confined space"), ("Change the contactor of", "electrical"),
           ("Repaint the roof above", "work at height"), ("Dig for the cable at", "digging"), ("Lift out", "lifting")]
VEHICLES = [("Service van", "van", "diesel", 900), ("Crew van", "van", "diesel", 800), ("Tipper lorry", "lorry", "diesel", 7500),
            ("Mobile crane", "crane", "diesel", 12000), ("Forklift", "forklift", "electric", 2500),
            ("Pool car", "car", "electric", 400), ("Low trailer", "trailer", "none", 2600)]
TOOLS = [("Torque wrench", "hand tool", 180, None), ("Angle grinder", "power tool", 140, None),
         ("Multimeter", "measuring instrument", 220, None), ("Gas detector", "measuring instrument", 640, None),
         ("Chain hoist", "lifting gear", 390, 1000), ("Lifting strap", "lifting gear", 35, 2000),
         ("Step ladder", "ladder", 160, 150), ("Insulation tester", "measuring instrument", 520, None),
         ("Fall arrest harness", "protective gear", 130, 136), ("Cordless drill", "power tool", 210, None)]
DUTIES = ["Water works and wells", "Electrical plant", "Buildings and grounds", "Measuring and control"]


class World:
    def __init__(self, scale, day):
        self.dice = random.Random(20261120)
        self.counts = {name: count if name in FIXED else count * scale for name, count in COUNTS.items()}
        self.day = day
        noon = datetime.datetime(day.year, day.month, day.day, 12, tzinfo=datetime.timezone.utc)
        self.noon_ms = int(noon.timestamp() * 1000)
        self.ids = {name: [self.new_id(t, i) for i in range(count)]
                    for t, (name, count) in enumerate(self.counts.items())}
        self.records = {}

    def new_id(self, table, i):
        """UUIDv7 with an invented, rising time."""
        ms = 1760000000000 + table * 100_000_000 + i
        low = self.dice.getrandbits(62) | 1 << 63
        return (f"{ms >> 16:08x}-{ms & 0xffff:04x}-7{self.dice.getrandbits(12):03x}-"
                f"{low >> 48:04x}-{low & (1 << 48) - 1:012x}")

    def pick(self, things):
        return self.dice.choice(things)

    def chance(self, percent):
        return self.dice.randrange(100) < percent

    def some(self, table):
        """The id of some record."""
        return self.pick(self.ids[table])

    def of(self, table):
        """Some record, to agree with."""
        return self.pick(self.records[table])

    def date(self, first, last):
        """A day so many days from today."""
        return (self.day + datetime.timedelta(days=self.dice.randint(first, last))).isoformat()

    def time(self, first, last):
        """A time so many days from today, at a full five minutes of a working day."""
        minutes = self.dice.randint(6 * 12, 18 * 12) * 5 - 12 * 60
        return self.noon_ms + self.dice.randint(first, last) * 86_400_000 + minutes * 60_000

    def fill(self, table, make):
        """Records as make(i) gives them; None leaves a column out."""
        self.records[table] = [
            {"clientId": id_, **{name: value for name, value in make(i).items() if value is not None}}
            for i, id_ in enumerate(self.ids[table])]


def places(w):
    def site(i):
        kind = w.pick(list(SITE_KINDS))
        area = PLACES[i % len(PLACES)] + (f" {i // len(PLACES) + 1}" if i >= len(PLACES) else "")
        name = f"{area} {kind}"
        city = w.pick(CITIES)
        return {"name": name, "code": "".join(word[0] for word in name.upper().split()) + str(i + 1), "kind": kind,
                "isClosed": i % 11 == 10, "address": f"{w.dice.randint(1, 90)} {area} Road", "city": city,
                "latitude": round(w.dice.uniform(51, 57), 5), "longitude": round(w.dice.uniform(-3, 14), 5),
                "area": w.dice.randint(4, 400) * 100, "openedOn": w.date(-18000, -900),
                "gatePhone": f"01632 960{w.dice.randint(100, 999)}",
                "directions": "Second turning after the bridge.\nThe key is in the box at the gate." if w.chance(40) else None}

    def building(i):
        use = w.pick(["pump house", "workshop", "hall", "office", "store", "switch room", "garage"])
        return {"name": f"{use.capitalize()} {w.pick('ABCD')}", "site": w.some("sites"), "number": f"B{i + 1:02d}",
                "use": use, "floors": w.pick([1, 1, 1, 2, 3]), "builtIn": w.dice.randint(1928, 2022),
                "floorArea": w.dice.randint(30, 2400) + 0.5, "hasAsbestos": w.chance(12), "isHeated": w.chance(70)}

    def location(_):
        name, kind = w.pick(ROOMS)
        building = w.of("buildings")
        access = w.pick(["free", "free", "key", "permit", "escort"])
        return {"name": name, "building": building["clientId"], "site": building["site"], "kind": kind, "access": access,
                "floor": w.pick([-1, 0, 0, 0, 1]), "keyNumber": f"K{w.dice.randint(100, 399)}" if access == "key" else None,
                "hazards": w.pick(["Low beam at the door.", "Chlorine; read the board first.", "Noise: wear protection."])
                if w.chance(30) else None}

    w.fill("sites", site)
    w.fill("buildings", building)
    w.fill("locations", location)


def people(w):
    def team(i):
        return {"name": f"Team {i + 1}, {DUTIES[i % len(DUTIES)].lower()}", "home": w.some("sites"),
                "leader": w.some("people"), "shift": w.pick(["early", "late", "night", "day", "on call"]),
                "phone": f"01632 961{i % 1000:03d}", "radio": f"CH {i % 16 + 1}", "duties": DUTIES[i % len(DUTIES)] + "."}

    def person(i):
        first, last = FIRST[i % len(FIRST)], LAST[(i * 7 + i // len(FIRST)) % len(LAST)]
        return {"name": f"{first} {last}", "number": f"{1000 + i}", "trade": w.pick(TRADES), "team": w.some("teams"),
                "phone": f"07700 900{i % 1000:03d}", "email": f"{first}.{last}{i}@example.org".lower(),
                "startedOn": w.date(-9000, -60), "safetyTrainingUntil": w.date(-20, 700), "isFirstAider": w.chance(20),
                "hasLeft": w.chance(8)}

    def company(i):
        trade, kind = TRADE[i % len(TRADE)]
        name = f"{COMPANY[i % len(COMPANY)]} {trade}"
        host = "".join(c for c in name.lower() if c.isalpha())
        return {"name": name, "kind": kind, "contact": f"{w.pick(FIRST)} {w.pick(LAST)}", "city": w.pick(CITIES),
                "phone": f"01632 962{i % 1000:03d}", "emergencyPhone": f"07700 901{i % 1000:03d}" if kind == "contractor" else None,
                "email": f"service@{host}.example", "customerNumber": f"C-{w.dice.randint(10000, 99999)}",
                "isApproved": w.chance(80), "rating": w.pick([2, 3, 4, 4, 5]), "contractUntil": w.date(-90, 1200)}

    w.fill("teams", team)
    w.fill("people", person)
    w.fill("companies", company)


def plant(w):
    def asset_type(i):
        name, code, discipline, life, interval, cost, checklist = ASSET_TYPES[i]
        return {"name": name, "code": code, "discipline": discipline, "expectedLife": life, "inspectionInterval": interval,
                "needsPermit": discipline == "electrical", "replacementCost": cost, "checklist": "\n".join(checklist)}

    def asset(i):
        kind = w.dice.randrange(len(ASSET_TYPES))
        name, code, discipline = ASSET_TYPES[kind][:3]
        location = w.of("locations")
        has_power = discipline in ("mechanical", "electrical")
        return {"name": f"{name} {code}-{i + 1}", "tag": f"{code}-{i + 1:04d}", "site": location["site"],
                "location": location["clientId"], "type": w.ids["assetTypes"][kind], "manufacturer": w.some("companies"),
                "model": f"{w.pick('ABKLNRT')}{w.pick('CDFX')} {w.dice.randint(10, 99)}0",
                "serialNumber": f"{w.dice.randint(10 ** 7, 10 ** 8)}",
                "state": w.pick(["running"] * 6 + ["standby", "standby", "faulty", "out of service"]),
                "criticality": w.pick("abbccc"), "installedOn": w.date(-8000, -30), "warrantyUntil": w.date(-900, 900),
                "ratedPower": w.pick([1.5, 4, 7.5, 11, 22, 55, 90]) if has_power else None,
                "runningHours": w.dice.randint(0, 60000) if has_power else None, "isRetired": w.chance(4)}

    def meter(i):
        medium, unit = w.pick([("electricity", "kWh"), ("water", "m3"), ("gas", "m3"), ("heat", "kWh"), ("running hours", "h")])
        asset = w.of("assets")
        return {"name": f"{medium.capitalize()} meter {i + 1}", "asset": asset["clientId"], "location": asset["location"],
                "medium": medium, "countsIn": unit, "serialNumber": f"M{w.dice.randint(10 ** 6, 10 ** 7)}",
                "factor": w.pick([1, 1, 1, 10, 40]), "calibratedUntil": w.date(-60, 1800), "isRemoved": w.chance(5)}

    w.fill("assetTypes", asset_type)
    w.fill("assets", asset)
    w.fill("meters", meter)
    grown = {meter["clientId"]: w.dice.randint(1000, 90000) for meter in w.records["meters"]}

    def reading(i):
        meter = w.records["meters"][i % len(w.records["meters"])]
        rounds = -(-w.counts["meterReadings"] // len(w.records["meters"]))
        grown[meter["clientId"]] += w.dice.randint(20, 900)
        days = (i // len(w.records["meters"]) - rounds) * 7
        return {"point": meter["name"], "meter": meter["clientId"], "reading": grown[meter["clientId"]] + w.pick([0, 0.25, 0.5]),
                "readAt": w.time(days, days), "reader": w.some("people"), "way": w.pick(["read"] * 8 + ["estimated", "telemetry"]),
                "isChecked": w.chance(60), "remark": "Glass misted, read twice." if w.chance(5) else None}

    w.fill("meterReadings", reading)


def work(w):
    def order(i):
        asset, is_done, kind = w.of("assets"), w.chance(55), w.pick(["repair", "repair", "maintenance", "inspection", "cleaning"])
        start = w.time(-60, -2) if is_done else None
        hours = w.dice.randint(1, 40) / 4 if is_done else None
        fault = w.pick(FAULTS)
        return {"subject": f"{asset['name']}: {fault.lower()}" if kind == "repair" else f"{w.pick(JOBS)} {asset['name']}",
                "number": f"WO-{26000 + i}", "asset": asset["clientId"], "site": asset["site"], "kind": kind,
                "priority": w.pick(["low", "normal", "normal", "normal", "high", "emergency"]), "isFinished": is_done,
                "dueOn": w.date(-50, -1) if is_done else w.date(-9, 45), "assignedTo": w.some("people"), "team": w.some("teams"),
                "requestedBy": w.some("people"), "startedAt": start, "hours": hours,
                "finishedAt": start + int(hours * 3_600_000) if is_done else None,
                "cost": round(w.dice.uniform(20, 2600), 2) if is_done else None, "needsShutdown": w.chance(15),
                "description": f"{fault}. Noticed on the morning round." if w.chance(50) else None,
                "report": "Done as ordered; ran for ten minutes without fault." if is_done and w.chance(60) else None}

    def step(i):
        order = w.records["workOrders"][i % len(w.records["workOrders"])]
        place = i // len(w.records["workOrders"]) + 1
        return {"step": STEPS[(i * 5 + place) % len(STEPS)], "workOrder": order["clientId"], "place": place,
                "isFinished": order["isFinished"], "doneBy": order["assignedTo"] if order["isFinished"] else None,
                "minutes": w.pick([5, 10, 15, 30, 60])}

    def hours(_):
        order = w.of("workOrders")
        return {"activity": w.pick(ACTIVITIES), "person": order["assignedTo"], "workOrder": order["clientId"],
                "workedOn": w.date(-45, 0), "hours": w.dice.randint(1, 32) / 4,
                "rate": w.pick(["normal"] * 7 + ["overtime", "night", "travel"]), "isApproved": w.chance(65)}

    def task(i):
        order = w.of("workOrders") if w.chance(40) else None
        asset = w.of("assets")
        return {"text": f"{w.pick(JOBS)} {asset['name']}", "isCompleted": w.chance(35), "dueAt": w.date(-8, 30) if w.chance(80) else None,
                "priority": w.pick(["low", "normal", "high"]) if w.chance(60) else None, "asset": asset["clientId"],
                "workOrder": order["clientId"] if order else None, "assignedTo": w.some("people"),
                "notes": "Key is in the gatehouse.\nNeeds two people." if i % 5 == 0 else None}

    w.fill("workOrders", order)
    w.fill("workSteps", step)
    w.fill("workHours", hours)
    w.fill("tasks", task)


def safety(w):
    def inspection(_):
        asset, is_done = w.of("assets"), w.chance(60)
        result = w.pick(["ok", "ok", "ok", "minor", "minor", "major", "stop"]) if is_done else None
        return {"subject": f"{w.pick(['Monthly', 'Quarterly', 'Yearly'])} check of {asset['name']}", "asset": asset["clientId"],
                "inspector": w.some("people"), "kind": w.pick(["routine", "routine", "routine", "statutory", "after repair"]),
                "dueOn": w.date(-60, -3) if is_done else w.date(-5, 60), "inspectedAt": w.time(-60, -3) if is_done else None,
                "result": result, "score": {"ok": 100, "minor": 85, "major": 55, "stop": 20}[result] if result else None,
                "isFinished": is_done, "nextOn": w.date(20, 365) if is_done else None,
                "findings": w.pick(FAULTS) + "." if result not in (None, "ok") else None,
                "actions": "Work order raised." if result in ("major", "stop") else None}

    def check(i):
        inspection = w.records["inspections"][i % len(w.records["inspections"])]
        kind = w.pick(ASSET_TYPES)
        is_bad = w.chance(12)
        return {"question": f"{w.pick(kind[6])}?", "inspection": inspection["clientId"], "place": i // len(w.records["inspections"]) + 1,
                "answer": ("no" if is_bad else w.pick(["yes"] * 8 + ["not accessible"])) if inspection["isFinished"] else None,
                "isDefect": is_bad and inspection["isFinished"], "remark": w.pick(FAULTS) if is_bad else None}

    def incident(i):
        summary, kind, text = INCIDENTS[i % len(INCIDENTS)]
        is_hurt = kind == "injury"
        return {"summary": summary, "site": w.some("sites"), "asset": w.some("assets") if w.chance(40) else None,
                "reportedBy": w.some("people"), "happenedAt": w.time(-300, -1), "kind": kind,
                "severity": w.pick(["minor", "minor", "serious"]), "injured": 1 if is_hurt else 0,
                "lostHours": w.pick([4, 16, 40]) if is_hurt else 0, "isReported": is_hurt or kind == "theft",
                "isClosed": w.chance(60), "followUpOn": w.date(-10, 40), "description": text,
                "measures": "Talked through at the toolbox talk." if w.chance(60) else None}

    def permit(i):
        work_, kind = PERMITS[i % len(PERMITS)]
        asset = w.of("assets")
        start, is_back = w.time(-20, 1), w.chance(75)
        return {"work": f"{work_} {asset['name']}", "number": f"P-{2600 + i}", "kind": kind, "location": asset["location"],
                "workOrder": w.some("workOrders"), "issuedBy": w.some("people"), "holder": w.some("people"), "validFrom": start,
                "validUntil": start + w.pick([4, 8, 10]) * 3_600_000, "peopleInside": w.pick([1, 2, 2, 3]),
                "oxygen": 20.9 if kind == "confined space" else None, "isReturned": is_back,
                "conditions": "Fire watch for one hour afterwards." if kind == "hot work" else None}

    w.fill("inspections", inspection)
    w.fill("checks", check)
    w.fill("incidents", incident)
    w.fill("permits", permit)


def stores(w):
    def store(i):
        location = w.of("locations")
        kind = w.pick(["main store", "site store", "van", "container"])
        return {"name": f"{kind.capitalize()} {i + 1}", "site": location["site"], "location": location["clientId"],
                "keeper": w.some("people"), "kind": kind, "openingHours": "Mon-Fri 6:30-15:30", "isLocked": True,
                "countedOn": w.date(-200, -5)}

    def part(i):
        name, category, sold, price = PARTS[i % len(PARTS)]
        return {"name": f"{name}, {SIZES[(i // len(PARTS) + i) % len(SIZES)]}", "partNumber": f"{10000 + i * 7}",
                "manufacturer": w.some("companies"), "supplier": w.some("companies"), "category": category, "soldBy": sold,
                "price": round(price * w.dice.uniform(0.8, 1.6), 2), "reorderAt": w.pick([2, 4, 10, 20]),
                "deliveryTime": w.pick([1, 2, 5, 10, 21, 60]), "isHazardous": category == "lubricants",
                "isDiscontinued": w.chance(5), "fits": "\n".join(a["name"] for a in w.dice.sample(w.records["assets"], 2))}

    def stock(i):
        part = w.records["parts"][i % len(w.records["parts"])]
        return {"label": part["name"], "part": part["clientId"], "store": w.some("stores"), "quantity": w.dice.randint(0, 40),
                "shelf": f"{w.pick('ABCDEF')}-{w.dice.randint(1, 12):02d}-{w.dice.randint(1, 6)}", "reserved": w.pick([None, None, 1, 2]),
                "countedAt": w.time(-150, -5), "countedBy": w.some("people"),
                "bestBefore": w.date(60, 900) if part["category"] == "lubricants" else None}

    def used(_):
        order, part = w.of("workOrders"), w.of("parts")
        return {"purpose": f"{part['name']} for {order['number']}", "part": part["clientId"], "workOrder": order["clientId"],
                "store": w.some("stores"), "quantity": w.pick([1, 1, 2, 4, 0.5]), "takenAt": w.time(-50, 0),
                "takenBy": order["assignedTo"], "isReturned": w.chance(6)}

    def purchase(i):
        state = w.pick(["draft", "approved", "ordered", "ordered", "partly delivered", "delivered", "delivered", "cancelled"])
        bought = [w.of("parts") for _ in range(w.pick([1, 2, 3]))]
        return {"subject": bought[0]["name"] + (" and others" if len(bought) > 1 else ""), "number": f"PO-{4100 + i}",
                "supplier": w.some("companies"), "orderedBy": w.some("people"), "state": state,
                "orderedOn": w.date(-70, -3) if state not in ("draft", "approved") else None, "expectedOn": w.date(-10, 40),
                "amount": round(w.dice.uniform(40, 9000), 2), "isClosed": state in ("delivered", "cancelled"),
                "items": "\n".join(f"{w.dice.randint(1, 20)} x {p['partNumber']} {p['name']}" for p in bought)}

    w.fill("stores", store)
    w.fill("parts", part)
    w.fill("stockItems", stock)
    w.fill("partsUsed", used)
    w.fill("purchaseOrders", purchase)


def gear(w):
    def vehicle(i):
        name, kind, fuel, payload = VEHICLES[i % len(VEHICLES)]
        return {"name": f"{name} {i + 1}", "plate": f"{w.pick('ABKLM')}{w.pick('NPRS')} {w.dice.randint(1000, 9999)}", "kind": kind,
                "fuel": fuel, "home": w.some("sites"), "driver": w.some("people"),
                "odometer": None if kind == "trailer" else w.dice.randint(900, 280000), "payload": payload,
                "inspectionUntil": w.date(-15, 700), "serviceDueOn": w.date(-10, 300), "isOffRoad": w.chance(8)}

    def tool(i):
        name, kind, price, load = TOOLS[i % len(TOOLS)]
        return {"name": f"{name} {i + 1}", "number": f"T{500 + i}", "kind": kind, "store": w.some("stores"),
                "holder": w.some("people") if w.chance(40) else None, "state": w.pick(["good"] * 6 + ["worn", "in repair", "lost"]),
                "boughtOn": w.date(-3000, -20), "testedUntil": w.date(-30, 700), "price": price, "load": load,
                "isScrapped": w.chance(4)}

    w.fill("vehicles", vehicle)
    w.fill("tools", tool)


def main():
    folder = Path(sys.argv[1])
    scale = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    day = datetime.date.fromisoformat(sys.argv[3] if len(sys.argv) > 3 else "2026-11-20")
    w = World(scale, day)
    for part in (places, people, plant, work, safety, stores, gear):
        part(w)
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in w.records.items():
        lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


main()
