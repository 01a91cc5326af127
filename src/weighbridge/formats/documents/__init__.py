"""JSON, YAML, XML, INI, TOML, protobuf text, PDF, OLE: trees and texts."""
