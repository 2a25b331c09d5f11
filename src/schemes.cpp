// cachemodel: which URL scheme opens which backend.
// SPDX-License-Identifier: MIT
#include <cachemodel/schemes.hpp>

#include <cachemodel/backends/file.hpp>
#include <cachemodel/backends/memory.hpp>
#include <cachemodel/backends/null.hpp>
#include <cachemodel/error.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <string>

#include "at_fork.hpp"
#include "misspelt.hpp"
#include "shown_text.hpp"

namespace cachemodel {

namespace {

class Schemes {
 public:
    bool add(std::string_view scheme, OpenBackend open) {
        const std::lock_guard lock{mutex_};
        const auto known = known_.try_emplace(std::string{scheme}, open).first;
        return known->second == open;
    }

    /// Null where there is none.
    OpenBackend find(std::string_view scheme) const {
        const std::lock_guard lock{mutex_};
        const auto known = known_.find(scheme);
        return known == known_.end() ? nullptr : known->second;
    }

    /// The one that this is misspelt of, known or to be linked; empty where there is none.
    std::string meant_by(std::string_view scheme) const {
        constexpr std::string_view others[] = {"memcached", "redis", "redis+unix", "sqlite"};
        if (std::find(std::begin(others), std::end(others), scheme) != std::end(others)) return {};
        const std::lock_guard lock{mutex_};
        for (const auto& [name, open] : known_) {
            if (name != "rediss" && detail::is_misspelt(scheme, name)) return name;
        }
        for (const auto name : others) {
            if (scheme != "rediss" && detail::is_misspelt(scheme, name)) return std::string{name};
        }
        return {};
    }

    /// "file, memory, null".
    std::string names() const {
        const std::lock_guard lock{mutex_};
        std::string list;
        for (const auto& [name, open] : known_) {
            if (name == "rediss") continue;  // it is known only to say why it cannot be opened
            list.append(list.empty() ? "" : ", ").append(name);
        }
        return list;
    }

 private:
    mutable detail::ForkSafe<std::mutex> mutex_;
    std::map<std::string, OpenBackend, std::less<>> known_{
        {"file", &open_file}, {"memory", &open_memory}, {"null", &open_null}};
};

// Inside a function: components register from initialisers that may run before this file's own.
// Never destroyed: other objects of static duration may open caches until the very end.
Schemes& schemes() {
    static Schemes& all = *new Schemes;
    return all;
}
// Made before `main`: in a child that is forked while another thread makes it, it is never made.
[[maybe_unused]] const auto& early_schemes = schemes();

bool is_scheme(std::string_view text) noexcept {
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    return !text.empty() && is_letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
           });
}

}  // namespace

bool register_scheme(std::string_view scheme, OpenBackend open) {
    if (!is_scheme(scheme)) {
        throw ConfigError(
            "a URL scheme is a lower-case letter followed by lower-case letters, digits, +, - or "
            ".");
    }
    const std::string name{scheme};
    if (open == nullptr) {
        throw ConfigError("URL scheme " + name + ": there is no function to open it");
    }
    if (!schemes().add(scheme, open)) {
        throw ConfigError("URL scheme " + name + ": another function opens it already");
    }
    return true;
}

OpenBackend find_scheme(std::string_view scheme) {
    if (const OpenBackend open = schemes().find(scheme)) return open;
    std::string message = "URL scheme " + detail::shown_key(scheme) +
                          ": there is no such backend; known are " + schemes().names();
    std::string name{scheme};
    if (const std::string meant = schemes().meant_by(scheme); !meant.empty()) {
        message.append("; ").append(scheme).append(" may be meant as ").append(meant);
        if (schemes().find(meant) != nullptr) throw ConfigError(message);
        name = meant;
    }
    name = name.substr(0, name.find('+'));
    const std::string component = name == "rediss" ? "redis" : name;
    if (component == "memcached" || component == "redis" || component == "sqlite") {
        message.append("; to have ").append(component);
        message.append(", link the CMake target cachemodel::").append(component);
    }
    throw ConfigError(message);
}

}  // namespace cachemodel
