// cachemodel: memcached's text protocol: what is sent, and what the answers say.
// SPDX-License-Identifier: MIT
#include "backends/memcached_protocol.hpp"

#include <cachemodel/key_functions.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace cachemodel::memcached {

namespace {

constexpr bool may_stand_in_key(char byte) noexcept {
    const auto value = static_cast<unsigned char>(byte);
    return value > 0x20 && value != 0x7f;
}

template <class Integer>
void append_number(std::string& text, Integer number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text.append(digits.data(), end);
}

/// Takes a decimal number off the front of `line`; false where there is none.
bool take_number(std::string_view& line, std::uint64_t& number) noexcept {
    constexpr std::size_t never_too_large = 19;  // digits
    std::size_t size = 0;
    number = 0;
    for (; size < line.size() && line[size] >= '0' && line[size] <= '9'; ++size) {
        number = number * 10 + static_cast<std::uint64_t>(line[size] - '0');
    }
    if (size > never_too_large) {
        const auto end = line.data() + size;
        if (std::from_chars(line.data(), end, number).ec != std::errc{}) return false;
    }
    line.remove_prefix(size);
    return size > 0;
}

bool take_space(std::string_view& line) noexcept {
    if (!line.starts_with(' ')) return false;
    line.remove_prefix(1);
    return true;
}

/// Takes the text up to the next space off the front of `line`.
std::string_view take_word(std::string_view& line) noexcept {
    const auto end = std::min(line.find(' '), line.size());
    const auto word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

std::string_view command(Store how) noexcept {
    switch (how) {
        case Store::set:
            return "set ";
        case Store::add:
            return "add ";
        case Store::compare_and_set:
            return "cas ";
    }
    return {};
}

}  // namespace

std::int64_t expiration(Lifetime lifetime, std::chrono::system_clock::time_point now) noexcept {
    using std::chrono::seconds;
    constexpr seconds longest_relative{30 * 24 * 60 * 60};

    if (lifetime.is_never()) return 0;
    if (lifetime.is_over()) return -1;
    const auto whole = std::chrono::ceil<seconds>(lifetime.duration());
    if (whole <= longest_relative) return whole.count();
    // A second that has begun counts as a whole one: the entry is never kept longer than asked.
    const auto end = std::chrono::floor<seconds>(now.time_since_epoch()) + whole;
    return end.count() > std::numeric_limits<std::int32_t>::max() ? 0 : end.count();
}

bool is_valid_key(std::string_view key) noexcept {
    static_assert(longest_key == longest_portable_key);
    return is_portable_key(key);
}

Failure invalid_key(std::string_view key) {
    std::string problem;
    if (key.empty()) {
        problem = "an empty key";
    } else if (key.size() > longest_key) {
        problem = "a key of " + std::to_string(key.size()) + " bytes, memcached takes 250";
    } else {
        const auto bad = std::find_if_not(key.begin(), key.end(), may_stand_in_key);
        problem = "a key whose byte " + std::to_string(bad - key.begin() + 1) + " has the value " +
                  std::to_string(static_cast<unsigned char>(*bad)) +
                  ", memcached takes no spaces and control characters";
    }
    return Failure{std::make_exception_ptr(InvalidKey{problem})};
}

void append_store(std::string& request, Store how, const Entry& entry, std::int64_t expiration,
                  std::uint64_t unique) {
    request += command(how);
    request += entry.key;
    request += " 0 ";
    append_number(request, expiration);
    request += ' ';
    append_number(request, entry.value.size());
    if (how == Store::compare_and_set) {
        request += ' ';
        append_number(request, unique);
    }
    request += "\r\n";
    request += entry.value;
    request += "\r\n";
}

void append_quiet_set(std::string& request, const Entry& entry, std::int64_t expiration) {
    request += "ms ";
    request += entry.key;
    request += ' ';
    append_number(request, entry.value.size());
    request += " T";
    append_number(request, expiration);
    request += " q\r\n";
    request += entry.value;
    request += "\r\n";
}

std::optional<bool> knows_quiet_sets(std::string_view line) noexcept {
    if (line == "ERROR") return false;
    if (take_word(line) != "VERSION") return std::nullopt;
    std::array<int, 3> release{};
    const char* at = line.data();
    const char* const end = at + line.size();
    for (std::size_t i = 0; i < release.size(); ++i) {
        if (i > 0 && (at == end || *at++ != '.')) return false;
        const auto number = std::from_chars(at, end, release[i]);
        if (number.ec != std::errc{}) return false;
        at = number.ptr;
    }
    return release >= std::array{1, 6, 18};
}

void append_delete(std::string& request, std::string_view key) {
    request += "delete ";
    request += key;
    request += "\r\n";
}

void append_touch(std::string& request, std::string_view key, std::int64_t expiration) {
    request += "touch ";
    request += key;
    request += ' ';
    append_number(request, expiration);
    request += "\r\n";
}

void append_count(std::string& request, std::string_view key, std::int64_t delta) {
    request += delta < 0 ? "decr " : "incr ";
    request += key;
    request += ' ';
    const auto number = static_cast<std::uint64_t>(delta);
    append_number(request, delta < 0 ? 0 - number : number);
    request += "\r\n";
}

std::optional<ValueLine> parse_value_line(std::string_view line) noexcept {
    if (take_word(line) != "VALUE") return std::nullopt;
    ValueLine value{.key = take_word(line)};
    std::uint64_t flags = 0;
    const bool is_value = take_number(line, flags) && take_space(line) &&
                          take_number(line, value.size) && take_space(line) &&
                          take_number(line, value.unique) && line.empty();
    return is_value ? std::optional{value} : std::nullopt;
}

std::optional<StatLine> parse_stat_line(std::string_view line) noexcept {
    if (take_word(line) != "STAT") return std::nullopt;
    const auto name = take_word(line);
    if (name.empty()) return std::nullopt;
    return StatLine{name, line};
}

std::optional<std::uint64_t> parse_number(std::string_view word) noexcept {
    std::uint64_t number = 0;
    return take_number(word, number) && word.empty() ? std::optional{number} : std::nullopt;
}

Reply parse_reply(std::string_view line) noexcept {
    static constexpr std::array<std::pair<std::string_view, Reply>, 8> words{{
        {"STORED", Reply::stored},
        {"NOT_STORED", Reply::not_stored},
        {"EXISTS", Reply::exists},
        {"NOT_FOUND", Reply::not_found},
        {"DELETED", Reply::deleted},
        {"TOUCHED", Reply::touched},
        {"OK", Reply::ok},
        {"END", Reply::end},
    }};
    for (const auto& [word, reply] : words) {
        if (line == word) return reply;
    }
    if (line.starts_with("CLIENT_ERROR cannot increment or decrement non-numeric value")) {
        return Reply::not_a_number;
    }
    if (line.starts_with("SERVER_ERROR object too large for cache")) return Reply::too_large;
    if (line.starts_with("SERVER_ERROR out of memory")) return Reply::out_of_memory;
    if (line.starts_with("SERVER_ERROR")) return Reply::server_error;
    // What a connection hears that is one too many (`-c`), before it is closed.
    if (line.starts_with("ERROR Too many open connections")) return Reply::server_error;
    return Reply::nonsense;
}

}  // namespace cachemodel::memcached
