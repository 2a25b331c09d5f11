// cachemodel: what is sent to a Redis server, and what its errors mean.
// SPDX-License-Identifier: MIT
#include "backends/redis_protocol.hpp"

#include "net/server_text.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace cachemodel::redis {

namespace {

void append_line(std::string& request, char kind, std::size_t number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    request += kind;
    request.append(digits.data(), end);
    request += "\r\n";
}

/// The value of the line `name:value`.
std::string_view find_line(std::string_view info, std::string_view name) noexcept {
    while (!info.empty()) {
        const auto end = std::min(info.find('\n'), info.size());
        auto line = info.substr(0, end);
        info.remove_prefix(std::min(end + 1, info.size()));
        if (!line.starts_with(name) || line.size() == name.size() || line[name.size()] != ':') {
            continue;
        }
        line.remove_prefix(name.size() + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        return line;
    }
    return {};
}

}  // namespace

void append_count(std::string& request, std::size_t words) { append_line(request, '*', words); }

void append_word(std::string& request, std::string_view word) {
    append_line(request, '$', word.size());
    request += word;
    request += "\r\n";
}

void append_command(std::string& request, std::initializer_list<std::string_view> words) {
    append_count(request, words.size());
    for (const auto word : words) append_word(request, word);
}

void append_set(std::string& request, const Entry& entry, bool only_where_absent) {
    const bool has_end = !entry.lifetime.is_never();
    append_count(request, std::size_t{3} + (has_end ? 2 : 0) + (only_where_absent ? 1 : 0));
    append_word(request, "SET");
    append_word(request, entry.key);
    append_word(request, entry.value);
    if (has_end) {
        append_word(request, "PX");
        append_word(request, std::to_string(milliseconds(entry.lifetime)));
    }
    if (only_where_absent) append_word(request, "NX");
}

std::int64_t milliseconds(Lifetime lifetime) noexcept {
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(lifetime.duration()).count();
    return std::max<std::int64_t>(whole, 1);
}

std::string pattern_of(std::string_view prefix) {
    std::string pattern;
    pattern.reserve(prefix.size() + 1);
    for (const char byte : prefix) {
        if (byte == '*' || byte == '?' || byte == '[' || byte == ']' || byte == '\\') {
            pattern += '\\';
        }
        pattern += byte;
    }
    pattern += '*';
    return pattern;
}

std::string_view code_of(std::string_view error) noexcept {
    return error.substr(0, error.find(' '));
}

BackendFault fault_of(std::string_view error) noexcept {
    static constexpr std::array<std::pair<std::string_view, BackendFault>, 17> faults{{
        {"NOAUTH", BackendFault::auth},
        {"WRONGPASS", BackendFault::auth},
        {"NOPERM", BackendFault::permission},
        {"READONLY", BackendFault::permission},
        {"DENIED", BackendFault::permission},
        {"OOM", BackendFault::full},
        {"LOADING", BackendFault::unavailable},
        {"BUSY", BackendFault::unavailable},
        {"MASTERDOWN", BackendFault::unavailable},
        {"CLUSTERDOWN", BackendFault::unavailable},
        {"TRYAGAIN", BackendFault::unavailable},
        {"NOREPLICAS", BackendFault::unavailable},
        {"MISCONF", BackendFault::unavailable},
        {"UNKILLABLE", BackendFault::unavailable},
        {"MOVED", BackendFault::unsupported},
        {"ASK", BackendFault::unsupported},
        {"CROSSSLOT", BackendFault::unsupported},
    }};
    const auto code = code_of(error);
    for (const auto& [known, fault] : faults) {
        if (code == known) return fault;
    }
    if (error.starts_with("ERR max number of clients")) return BackendFault::unavailable;
    if (error.starts_with("ERR unknown command")) return BackendFault::unsupported;
    return BackendFault::protocol;
}

bool is_protocol_error(std::string_view error) noexcept {
    return error.starts_with("ERR Protocol error");
}

bool is_too_long_error(std::string_view error) noexcept {
    return error.starts_with("ERR Protocol error: invalid bulk length");
}

std::string presentable(std::string_view error) {
    return net::presentable(error.substr(0, error.find(", with args")));
}

std::vector<Fact> facts_of(std::string_view info, std::uint32_t database) {
    static constexpr std::array<std::string_view, 9> names{
        "redis_version",    "uptime_in_seconds", "connected_clients", "used_memory", "maxmemory",
        "maxmemory_policy", "keyspace_hits",     "keyspace_misses",   "evicted_keys"};
    std::vector<Fact> facts;
    for (const auto name : names) {
        const auto value = find_line(info, name);
        if (!value.empty()) facts.push_back({{}, std::string{name}, std::string{value}});
    }
    // An empty database is not mentioned: keys=12,expires=3,avg_ttl=0
    auto keys = find_line(info, "db" + std::to_string(database));
    keys.remove_prefix(keys.starts_with("keys=") ? 5 : 0);
    keys = keys.substr(0, keys.find(','));
    facts.push_back({{}, "keys", keys.empty() ? "0" : std::string{keys}});
    return facts;
}

std::uint64_t token_of(std::string_view key, std::string_view value) noexcept {
    const auto seed = XXH3_64bits(key.data(), key.size());
    const auto token = XXH3_64bits_withSeed(value.data(), value.size(), seed);
    return token == 0 ? 1 : token;
}

}  // namespace cachemodel::redis
