"""`grpc.reflection`: what is served, for tools such as grpcurl that have no .proto files."""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor import Descriptor, FileDescriptor

from pilotage.transport.rpc.call import Call, Method
from pilotage.transport.rpc.messages import parsed
from pilotage.transport.rpc.protos.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from pilotage.transport.rpc.status import Status

# v1alpha is the same under an older name; many tools still ask for that one.
SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


class Reflection:
    """Knows the files that it is given, by name and by what they define. None imports another."""

    def __init__(self, files: Iterable[FileDescriptor]) -> None:
        self._services: list[str] = []
        self._by_name: dict[str, bytes] = {}
        self._by_symbol: dict[str, bytes] = {}
        for file in files:
            self._services += (service.full_name for service in file.services_by_name.values())
            self._by_name[file.name] = file.serialized_pb
            self._by_symbol.update(dict.fromkeys(_symbols(file), file.serialized_pb))

    def methods(self) -> dict[str, Method]:
        """By name."""
        return {"ServerReflectionInfo": Method(self._answer, takes_many=True, lasting=True)}

    def _answer(self, call: Call, message: bytes) -> None:
        request = parsed(ServerReflectionRequest, message)
        response = ServerReflectionResponse(valid_host=request.host, original_request=request)
        kind = request.WhichOneof("message_request")
        if kind == "list_services":
            for name in self._services:
                response.list_services_response.service.add(name=name)
        elif kind == "file_by_filename":
            _file(response, self._by_name.get(request.file_by_filename))
        elif kind == "file_containing_symbol":
            _file(response, self._by_symbol.get(request.file_containing_symbol))
        elif kind == "all_extension_numbers_of_type" and request.all_extension_numbers_of_type in self._by_symbol:
            response.all_extension_numbers_response.base_type_name = request.all_extension_numbers_of_type
        else:
            _file(response, None)
        call.send(response.SerializeToString())


def _file(response: ServerReflectionResponse, found: bytes | None) -> None:
    if found is None:
        response.error_response.error_code = Status.NOT_FOUND
        response.error_response.error_message = "this server serves nothing of that name"
    else:
        response.file_descriptor_response.file_descriptor_proto.append(found)


def _symbols(file: FileDescriptor) -> Iterator[str]:
    for service in file.services_by_name.values():
        yield service.full_name
        yield from (method.full_name for method in service.methods)
    for message in file.message_types_by_name.values():
        yield from _parts(message)
    yield from (enum.full_name for enum in file.enum_types_by_name.values())


def _parts(message: Descriptor) -> Iterator[str]:
    yield message.full_name
    yield from (enum.full_name for enum in message.enum_types)
    for nested in message.nested_types:
        yield from _parts(nested)
