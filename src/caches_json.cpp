// cachemodel: named caches from one JSON document.
// SPDX-License-Identifier: MIT
#include <cachemodel/caches_json.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/schemes.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "cache_core.hpp"
#include "caches_json_description.hpp"
#include "caches_json_url.hpp"
#include "config_problem_error.hpp"

namespace cachemodel {

namespace {

using detail::ConfigProblemError;
using detail::DescribedCache;
using detail::lower_case;
using nlohmann::json;

/// In quotes, and with what is not visible escaped.
std::string in_quotes(const std::string& name) { return json(name).dump(-1, ' ', true); }

std::string about_cache(const std::string& name, std::string_view what) {
    return ("cache " + in_quotes(name) + ": ").append(what);
}

/// JSON, in which no object has a name twice. Errors: as those of `parse_caches`.
json parsed(std::string_view text) {
    std::vector<std::set<std::string>> names;  // of the objects that are open, the outermost first
    const auto refuse_twins = [&](int, json::parse_event_t event, const json& item) {
        if (event == json::parse_event_t::object_start) names.emplace_back();
        if (event == json::parse_event_t::object_end) names.pop_back();
        if (event == json::parse_event_t::key) {
            const auto& name = item.get_ref<const std::string&>();
            if (!names.back().insert(name).second) {
                throw ConfigError("caches: the document has " + in_quotes(name) +
                                  " twice in one object");
            }
        }
        return true;
    };
    try {
        return json::parse(text, refuse_twins);
    } catch (const json::parse_error& error) {
        // What the parser says itself may quote a password.
        const auto before = text.substr(0, error.byte > 0 ? error.byte - 1 : 0);
        const auto line = 1 + std::count(before.begin(), before.end(), '\n');
        const auto column = before.size() - (before.rfind('\n') + 1) + 1;
        throw ConfigError("caches: malformed JSON at line " + std::to_string(line) + ", column " +
                          std::to_string(column));
    } catch (const json::exception&) {
        throw ConfigError("caches: a number of the document is out of range");
    }
}

/// A value as a URL would have it; nothing where it is none.
std::optional<std::string> text_of(const json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
    if (value.is_number_integer()) return value.dump();
    if (value.is_number_float()) {
        std::array<char, 400> digits;  // the largest double has 309
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(),
                                       value.get<double>(), std::chars_format::fixed);
        if (end.ec == std::errc{}) return std::string(digits.data(), end.ptr);
    }
    return std::nullopt;
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// Reads one cache's object, member by member.
class CacheReader {
 public:
    explicit CacheReader(const json& object) : members_(by_lower_name(object, "")) {
        if (const auto options = take("options")) {
            if (!options->value->is_object())
                throw ConfigError(options->name + ": it is no object");
            options_ = by_lower_name(*options->value, options->name + '.');
        }
        read_leniency();
        read_backend();
        read_locations();
        for (const auto own : own_options) {
            if (const auto misplaced = options_.find(own); misplaced != options_.end()) {
                complain(misplaced->second.name + ": it stands beside OPTIONS, not in it");
                options_.erase(misplaced);
            }
            if (const auto member = take(own)) read_option(std::string{own}, *member);
        }
        for (const auto& [name, member] : options_) read_option(name, member);
        refuse_others();
        take_out("username", cache_.user);
        take_out("password", cache_.password);
    }

    Cache open() {
        Cache cache = opened();
        for (const auto& problem : cache.view().warned_of) {
            warnings.push_back(detail::retold(problem, cache_));
        }
        return cache;
    }

    std::string url() const { return detail::url_of(cache_); }

    std::vector<std::string> warnings;

 private:
    struct Member {
        std::string name;  // as written, with what it is in
        const json* value;
    };
    using Members = std::map<std::string, Member, std::less<>>;

    static constexpr std::string_view own_options[] = {"key_function", "key_prefix", "timeout",
                                                       "version"};

    static Members by_lower_name(const json& object, const std::string& in) {
        Members members;
        for (const auto& [name, value] : object.items()) {
            const auto is_wrong = [](char c) {
                return !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
                       c != '.';
            };
            const auto lower = lower_case(name);
            if (lower.empty() || std::any_of(lower.begin(), lower.end(), is_wrong)) {
                throw ConfigError(in + in_quotes(name) +
                                  ": a name is made of letters, digits, _, - and .");
            }
            if (!members.try_emplace(lower, Member{in + name, &value}).second) {
                throw ConfigError(in + name + ": it is given twice, in upper and in lower case");
            }
        }
        return members;
    }

    std::optional<Member> take(std::string_view name) {
        const auto found = members_.find(name);
        if (found == members_.end()) return std::nullopt;
        auto member = std::move(found->second);
        members_.erase(found);
        return member;
    }

    void complain(const std::string& what) {
        if (!is_lenient_) throw ConfigError(what);
        warnings.push_back(what);
    }

    /// It may stand in OPTIONS, too, as it is an option of the URL.
    void read_leniency() {
        auto member = take("lenient");
        if (const auto option = options_.find("lenient"); !member && option != options_.end()) {
            member = std::move(option->second);
            options_.erase(option);
        }
        if (!member) return;
        if (!member->value->is_boolean()) throw ConfigError(member->name + ": it is not a bool");
        is_lenient_ = member->value->get<bool>();
        if (is_lenient_) read_option("lenient", *member);
    }

    void read_backend() {
        const auto member = take("backend");
        if (!member) throw ConfigError("BACKEND: it is missing");
        if (!member->value->is_string()) throw ConfigError(member->name + ": it is not a text");
        cache_.scheme = detail::scheme_of(member->value->get_ref<const std::string&>());
        try {
            static_cast<void>(find_scheme(cache_.scheme));
        } catch (const ConfigError& error) {
            throw ConfigError(member->name + ": " + error.what());
        }
    }

    void read_locations() {
        const auto member = take("location");
        if (!member) return;
        const auto add = [&](const json& place) {
            if (!place.is_string())
                throw ConfigError(member->name + ": it is not a text or a list of texts");
            const auto& text = place.get_ref<const std::string&>();
            if (has_control(text)) throw ConfigError(member->name + ": it has a control character");
            cache_.locations.push_back(text);
        };
        if (member->value->is_array()) {
            for (const auto& place : *member->value) add(place);
        } else {
            add(*member->value);
            if (cache_.locations.front().empty()) cache_.locations.clear();  // as Django has it
        }
    }

    void read_option(const std::string& name, const Member& member) {
        auto value = text_of(*member.value);
        const bool has_never = name == "timeout" || name == "load_timeout";
        if (member.value->is_null() && has_never) value = "never";
        if (!value) {
            complain(member.name + ": it is not a text, a number or a bool");
        } else if (has_control(*value)) {
            complain(member.name + ": it has a control character");
        } else if (!cache_.options.try_emplace(name, DescribedCache::Option{member.name, *value})
                        .second) {
            throw ConfigError(member.name + ": it stands beside OPTIONS, too");
        }
    }

    /// What nobody took. Goes by a URL, which knows what may be meant.
    void refuse_others() {
        if (members_.empty()) return;
        std::string url{"members://"};
        DescribedCache as_options;
        for (const auto& [name, member] : members_) {
            url.append(as_options.options.empty() ? "?" : "&").append(name).append("=");
            as_options.options.emplace(name, DescribedCache::Option{member.name, {}});
        }
        constexpr auto hint = "; options of the backend stand in OPTIONS";
        auto members = CacheUrl::parse(url);
        for (const auto name : {"backend", "location", "options"}) {
            static_cast<void>(members.take_text(name, {}));
        }
        for (const auto name : own_options) static_cast<void>(members.take_text(name, {}));
        try {
            members.expect_all_taken();
        } catch (const ConfigProblemError& error) {
            complain(detail::retold(error.problem(), as_options) + hint);
        }
    }

    void take_out(std::string_view name, std::optional<DescribedCache::Option>& place) {
        const auto found = cache_.options.find(name);
        if (found == cache_.options.end()) return;
        place = std::move(found->second);
        cache_.options.erase(found);
    }

    Cache opened() const {
        const auto opened_url = url();
        try {
            return Cache::open(opened_url);
        } catch (const ConfigProblemError& error) {
            throw ConfigError(detail::retold(error.problem(), cache_));
        }
    }

    Members members_;
    Members options_;
    bool is_lenient_ = false;
    DescribedCache cache_;
};

Cache opened(const std::string& name, const json& description, std::vector<std::string>& warnings) {
    try {
        if (name.empty()) throw ConfigError("the name is empty");
        if (description.is_string()) {
            auto cache = Cache::open(description.get_ref<const std::string&>());
            for (const auto& warning : cache.warnings()) {
                warnings.push_back(about_cache(name, warning));
            }
            return cache;
        }
        if (!description.is_object()) throw ConfigError("it is neither an object nor a URL");
        CacheReader reader{description};
        auto cache = reader.open();
        for (const auto& warning : reader.warnings) warnings.push_back(about_cache(name, warning));
        return cache;
    } catch (const ConfigError& error) {
        throw ConfigError(about_cache(name, error.what()));
    }
}

}  // namespace

json detail::parse_caches(std::string_view text) {
    json document = parsed(text);
    if (!document.is_object()) {
        throw ConfigError("caches: the document is not an object of caches by their names");
    }
    return document;
}

std::string detail::url_of_description(const json& description) {
    return description.is_string() ? description.get<std::string>()
                                   : CacheReader{description}.url();
}

std::vector<std::string> configure_caches(std::string_view text) {
    const json document = detail::parse_caches(text);
    std::vector<std::string> warnings;
    std::vector<std::pair<std::string, Cache>> all;
    for (const auto& [name, description] : document.items()) {
        all.emplace_back(name, opened(name, description, warnings));
    }
    for (auto& [name, cache] : all) caches().configure(name, std::move(cache));
    return warnings;
}

}  // namespace cachemodel
