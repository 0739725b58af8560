"""sync pulls from medallion, OASIS's own TAXII server, with a password, page by page, and resumes."""

import json
import logging
import threading

import taxii_nodes

try:
    from medallion import application_instance, register_blueprints, set_config
    from werkzeug.serving import make_server
except ImportError:
    taxii_nodes.skip("the Python package medallion is not here")

COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
COUNT = 330  # medallion takes time in the square of it


def collection(objects):
    return {
        "id": COLLECTION,
        "title": "indicators",
        "can_read": True,
        "can_write": True,
        "media_types": ["application/stix+json;version=2.1"],
        "objects": objects,
        "manifest": [
            {
                "id": o["id"],
                # many share a date: a client that pages by date alone would lose some
                "date_added": f"2024-02-01T00:00:{n // 70:02d}.000001Z",
                "version": o["modified"],
                "media_type": "application/stix+json;version=2.1",
            }
            for n, o in enumerate(objects)
        ],
    }


def start_medallion(folder, objects):
    data = folder / "medallion.json"
    root = {"title": "root", "description": "", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 9765625}
    data.write_text(
        json.dumps(
            {
                "/discovery": {"title": "medallion", "default": "http://127.0.0.1/root/", "api_roots": ["http://127.0.0.1/root/"]},
                "root": {"information": root, "status": [], "collections": [collection(objects)]},
            }
        )
    )
    configuration = {
        "backend": {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": str(data)},
        "users": {"reader": "a secret"},
        "taxii": {"max_page_size": 50},
    }
    for section in ("users", "taxii", "backend"):
        set_config(application_instance, section, configuration)
    register_blueprints(application_instance)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, application_instance, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main():
    with taxii_nodes.Pair() as pair:
        objects = [taxii_nodes.indicator(n) for n in range(COUNT)]
        server = start_medallion(pair.folder, objects)
        us = pair.us
        (us.home / "medallion.password").write_text("a secret\n")
        with open(us.home / "renkei.yaml", "a") as configuration:
            configuration.write(
                "\nsources:\n  - name: medallion\n"
                f"    url: http://127.0.0.1:{server.server_port}/root/collections/{COLLECTION}/\n"
                "    username: reader\n    password_file: medallion.password\n"
            )
        done = us.results("sync", "medallion")[-1]
        assert done["added"] == COUNT and not done["renkei"], done
        again = us.results("sync", "medallion")[-1]
        assert again["added"] == 0 and again["read"] == 0, again
        held = us.results("show", objects[COUNT // 2]["id"])
        assert held, "an object is not held"
        (us.home / "medallion.password").write_text("wrong\n")
        refused = us.run("sync", "medallion", check=False)
        assert refused.returncode != 0 and "401" in refused.stderr, refused
        server.shutdown()
    print("ok")


main()
