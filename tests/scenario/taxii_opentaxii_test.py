"""sync pulls from OpenTAXII, EclecticIQ's server, with a password, page by page, and resumes."""

import json
import logging
import threading

import taxii_nodes

try:
    import structlog
    from opentaxii.config import ServerConfig
    from opentaxii.middleware import create_app
    from opentaxii.server import TAXIIServer
    from werkzeug.serving import make_server
except ImportError:
    taxii_nodes.skip("the Python package opentaxii is not here")

COUNT = 230


def configuration(folder):
    store = f"sqlite:///{folder}/opentaxii.db"
    api = {"class": "opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI", "parameters": {"db_connection": store, "create_tables": True}}
    auth = {"class": "opentaxii.auth.sqldb.SQLDatabaseAPI",
            "parameters": {"db_connection": f"sqlite:///{folder}/auth.db", "create_tables": True, "secret": "s" * 40}}
    path = folder / "opentaxii.json"  # JSON is YAML
    path.write_text(json.dumps({"domain": "localhost", "support_basic_auth": True, "auth_api": auth, "taxii1": None,
                                "taxii2": {"title": "OpenTAXII", 
                                           "max_content_length": 10_000_000, "persistence_api": api},
                                "logging": {"opentaxii": "error", "root": "error"}}))
    return str(path)


def start(folder):
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    server = TAXIIServer(ServerConfig(extra_configs=[configuration(folder)]))
    app = create_app(server)

    @app.after_request
    def mend(reply):  # version 0.9.3 writes an object's type where its spec_version belongs
        reply.set_data(reply.get_data().replace(b'"spec_version": "indicator"', b'"spec_version": "2.1"'))
        return reply

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with app.app_context():
        server.auth.api.create_account("reader", "a secret", True)
        api = server.servers.taxii2.persistence.api
        root = api.add_api_root(title="root", description="", default=True)
        made = api.add_collection(api_root_id=root.id, title="indicators", description="", alias="indicators")
    http = make_server("127.0.0.1", 0, app)
    threading.Thread(target=http.serve_forever, daemon=True).start()

    def add(objects):  # not by POST: what it answers to that it cannot serialise
        with app.app_context():
            api.add_objects(root.id, made.id, objects)

    return f"http://127.0.0.1:{http.server_port}/taxii2/{root.id}/collections/{made.id}/", add


def main():
    with taxii_nodes.Pair() as pair:
        us = pair.us
        url, add = start(pair.folder)
        add([taxii_nodes.indicator(n) for n in range(COUNT)])
        (us.home / "opentaxii.password").write_text("a secret\n")
        with open(us.home / "renkei.yaml", "a", encoding="utf-8") as f:
            f.write(f"\nsources:\n  - name: opentaxii\n    url: {url}\n"
                    "    username: reader\n    password_file: opentaxii.password\n")
        done = us.results("sync", "opentaxii")[-1]
        assert done["added"] == COUNT and not done["renkei"], done
        add([taxii_nodes.indicator(COUNT + n) for n in range(5)])
        again = us.results("sync", "opentaxii")[-1]
        assert again["added"] == 5 and again["read"] < 20, again
        assert us.results("show", taxii_nodes.indicator(COUNT)["id"])
    print("ok")


main()
