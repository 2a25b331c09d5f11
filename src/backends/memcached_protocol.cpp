// cachemodel: memcached's text protocol: what is sent, and what the answers say.
// SPDX-License-Identifier: MIT
#include "backends/memcached_protocol.hpp"

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
    return !key.empty() && key.size() <= longest_key &&
           std::all_of(key.begin(), key.end(), may_stand_in_key);
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
    const auto key = take_word(line);
    const auto flags = parse_number(take_word(line));
    const auto size = parse_number(take_word(line));
    const auto unique = parse_number(line);
    if (!flags || !size || !unique) return std::nullopt;
    return ValueLine{key, *size, *unique};
}

std::optional<StatLine> parse_stat_line(std::string_view line) noexcept {
    if (take_word(line) != "STAT") return std::nullopt;
    const auto name = take_word(line);
    if (name.empty()) return std::nullopt;
    return StatLine{name, line};
}

std::optional<std::uint64_t> parse_number(std::string_view word) noexcept {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return number;
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
