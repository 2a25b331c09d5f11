// cachemodel: what a backend answers where it does not override a call.
// SPDX-License-Identifier: MIT
#include <cachemodel/backend.hpp>

namespace cachemodel {

namespace {

constexpr auto unsupported = BackendFault::unsupported;

}  // namespace

void Backend::peek_many(std::span<const std::string_view> keys, ReadSink& sink) {
    get_many(keys, sink);
}

Outcome Backend::increment(std::string_view, std::int64_t, std::int64_t&) {
    return Failure{unsupported, "this backend does not count"};
}

Outcome Backend::remaining_lifetime(std::string_view, Lifetime&) {
    return Failure{unsupported, "this backend does not tell how long an entry has left"};
}

void Backend::list_keys(std::string_view, KeySink&) {
    throw BackendError{unsupported, "this backend does not list its keys"};
}

std::vector<Fact> Backend::facts() { return {}; }

std::vector<ServerState> Backend::servers() { return {}; }

}  // namespace cachemodel
