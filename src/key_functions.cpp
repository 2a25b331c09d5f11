// cachemodel: what makes the key that a backend sees, and which keys are portable.
// SPDX-License-Identifier: MIT
#include <cachemodel/key_functions.hpp>

#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/error.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "at_fork.hpp"
#include "config_problem_error.hpp"
#include "shown_text.hpp"

namespace cachemodel {

namespace {

constexpr std::string_view digest_mark = "sha256-";
constexpr std::size_t digest_digits = 64;

/// What a key that was digested looks like: another key must not look the same.
bool looks_digested(std::string_view key) noexcept {
    return key.starts_with(digest_mark) && key.size() == digest_mark.size() + digest_digits;
}

/// A byte up to 0x20, or 0x7f.
bool is_odd(char c) noexcept { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }

/// Whether one of eight bytes is odd, all at once: every key of every call is looked at. (Sean Eron
/// Anderson, "Bit Twiddling Hacks": determine if a word has a byte less than n, or equal to n.)
bool has_odd_byte(std::uint64_t bytes) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t highs = 0x8080808080808080;
    const std::uint64_t deletes = bytes ^ (ones * 0x7f);
    const std::uint64_t below = (bytes - ones * 0x21) & ~bytes;
    const std::uint64_t equal = (deletes - ones) & ~deletes;
    return ((below | equal) & highs) != 0;
}

class KeyFunctions {
 public:
    bool add(std::string_view name, KeyFunction function) {
        const std::lock_guard lock{mutex_};
        return known_.try_emplace(std::string{name}, function).first->second == function;
    }

    /// Null where there is none.
    KeyFunction find(std::string_view name) const {
        const std::lock_guard lock{mutex_};
        const auto known = known_.find(name);
        return known == known_.end() ? nullptr : known->second;
    }

    std::string names() const {
        const std::lock_guard lock{mutex_};
        std::string list;
        for (const auto& each : known_)
            list.append(list.empty() ? "" : ", ").append(detail::shown_key(each.first));
        return list;
    }

 private:
    mutable detail::ForkSafe<std::mutex> mutex_;
    std::map<std::string, KeyFunction, std::less<>> known_{{"plain", &plain_keys},
                                                           {"digest", &digest_long_keys}};
};

// Inside a function: others register from initialisers that may run before this file's own. Never
// destroyed: other objects of static duration may open caches until the very end.
KeyFunctions& key_functions() {
    static KeyFunctions& all = *new KeyFunctions;
    return all;
}
// Made before `main`: in a child that is forked while another thread makes it, it is never made.
[[maybe_unused]] const auto& early_functions = key_functions();

}  // namespace

std::string plain_keys(std::string_view prefix, std::uint32_t version, std::string_view key) {
    std::string final_key;
    final_key.reserve(prefix.size() + key.size() + 12);
    final_key.append(prefix) += ':';
    final_key.append(std::to_string(version)) += ':';
    return final_key.append(key);
}

std::string digest_long_keys(std::string_view prefix, std::uint32_t version, std::string_view key) {
    std::string final_key = plain_keys(prefix, version, key);
    if (is_portable_key(final_key) && !looks_digested(key)) return final_key;
    final_key.resize(final_key.size() - key.size());
    return final_key.append(digest_mark).append(detail::hex_digest(key, digest_digits));
}

bool register_key_function(std::string_view name, KeyFunction function) {
    const std::string shown = detail::shown_key(name);
    if (name.empty()) throw ConfigError("a key function needs a name");
    if (function == nullptr) throw ConfigError("key function " + shown + ": it is null");
    if (!key_functions().add(name, function)) {
        throw ConfigError("key function " + shown + ": the name stands for another one");
    }
    return true;
}

KeyFunction find_key_function(std::string_view name) {
    if (const KeyFunction function = key_functions().find(name)) return function;
    throw detail::wrong_option("key_function", "key function " + detail::shown_key(name) +
                                                   ": there is none; known are " +
                                                   key_functions().names());
}

bool is_portable_key(std::string_view final_key) noexcept {
    if (final_key.empty() || final_key.size() > longest_portable_key) return false;
    std::uint64_t bytes = 0;
    for (; final_key.size() >= sizeof bytes; final_key.remove_prefix(sizeof bytes)) {
        std::memcpy(&bytes, final_key.data(), sizeof bytes);
        if (has_odd_byte(bytes)) return false;
    }
    return std::none_of(final_key.begin(), final_key.end(), is_odd);
}

}  // namespace cachemodel
