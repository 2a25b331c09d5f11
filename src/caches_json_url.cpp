// cachemodel: one cache of a JSON document, as a URL.
// SPDX-License-Identifier: MIT
#include "caches_json_url.hpp"

#include <cachemodel/error.hpp>

#include <algorithm>
#include <utility>

namespace cachemodel::detail {

namespace {

constexpr auto letters_and_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

constexpr std::pair<std::string_view, std::string_view> django_backends[] = {
    {"django.core.cache.backends.db.databasecache", "sqlite"},
    {"django.core.cache.backends.dummy.dummycache", "null"},
    {"django.core.cache.backends.filebased.filebasedcache", "file"},
    {"django.core.cache.backends.locmem.locmemcache", "memory"},
    {"django.core.cache.backends.memcached.pylibmccache", "memcached"},
    {"django.core.cache.backends.memcached.pymemcachecache", "memcached"},
    {"django.core.cache.backends.redis.rediscache", "redis"},
    {"django_redis.cache.rediscache", "redis"},
};

// A location is never quoted: what is written wrongly may be a piece of a password.
[[noreturn]] void refuse_location(const std::string& why) { throw ConfigError("LOCATION: " + why); }

std::string_view without_blanks(std::string_view text) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

bool is_url(std::string_view location) {
    return !location.starts_with("unix:") && location.find("://") != std::string_view::npos;
}

/// The path of `/path`, `unix:/path` and `unix:///path`.
std::optional<std::string_view> path_in(std::string_view location) {
    if (location.starts_with("unix:")) {
        location.remove_prefix(5);
        if (location.starts_with("//")) location.remove_prefix(2);
        if (!location.starts_with('/')) refuse_location("the path of a socket is not absolute");
    }
    return location.starts_with('/') ? std::optional{location} : std::nullopt;
}

/// "user:password@", or nothing.
std::string login_of(const DescribedCache& cache) {
    std::string login;
    if (cache.user) login += percent_encoded(cache.user->value);
    if (cache.password) login.append(":") += percent_encoded(cache.password->value);
    return login.empty() ? login : login + '@';
}

std::string with_login(std::string_view url, const DescribedCache& cache) {
    const auto login = login_of(cache);
    if (!login.empty() && url.find('@') != std::string_view::npos) {
        throw ConfigError((cache.user ? *cache.user : *cache.password).member +
                          ": LOCATION has a user or a password, too");
    }
    const auto after_scheme = url.find("://") + 3;
    return std::string{url.substr(0, after_scheme)} + login + std::string{url.substr(after_scheme)};
}

[[noreturn]] void refuse_second_database() { refuse_location("OPTIONS.DB names a database, too"); }

/// The number in OPTIONS, which then is no option of the URL; nothing where there is none.
std::string take_database(DescribedCache& cache) {
    const auto number = cache.options.find("db");
    if (number == cache.options.end()) return {};
    auto text = percent_encoded(number->second.value);
    cache.options.erase(number);
    return text;
}

/// Of a URL in the place of a location. Errors: `ConfigError` where it is of another backend.
std::string url_in(std::string_view location, DescribedCache& cache) {
    const auto scheme = lower_case(location.substr(0, location.find("://")));
    // redis+unix and rediss are redis, too.
    if (scheme != cache.scheme && !(scheme.starts_with("redis") && cache.scheme == "redis")) {
        refuse_location("the scheme of its URL is not BACKEND's, which is " + cache.scheme);
    }
    auto url = with_login(location, cache);
    if (cache.scheme == "redis" && scheme != "redis+unix" && cache.options.count("db") != 0) {
        const auto end = std::min(url.find_first_of("/?", url.find("://") + 3), url.size());
        if (url.compare(end, 1, "/") != 0) {
            url.insert(end, "/");
        } else if (end + 1 < url.size() && url[end + 1] != '?') {
            refuse_second_database();
        }
        url.insert(end + 1, take_database(cache));
    }
    return url;
}

std::string file_url(const DescribedCache& cache) {
    const auto expected = cache.scheme + (cache.scheme == "sqlite"
                                              ? " needs the absolute path of a database file; its "
                                                "table is named in OPTIONS.TABLE"
                                              : " needs the absolute path of a directory");
    if (cache.locations.size() != 1) refuse_location(expected);
    const std::string_view path = cache.locations.front();
    if (cache.scheme == "sqlite" && path == ":memory:") return "sqlite:///:memory:";
    if (!path.starts_with('/')) refuse_location(expected);
    return with_login(cache.scheme + "://" + percent_encoded(path, "/"), cache);
}

/// Path and number of `unix:/path?db=5`, in which redis-py names a database.
std::pair<std::string_view, std::string_view> split_database(std::string_view path,
                                                             std::string_view location,
                                                             const DescribedCache& cache) {
    const auto query = path.find('?');
    if (query == std::string_view::npos || !location.starts_with("unix:")) return {path, {}};
    const auto option = path.substr(query + 1);
    if (cache.scheme != "redis" || !option.starts_with("db=") || option.size() == 3) {
        refuse_location("behind the ? of a socket stands db=NUMBER, and that for redis alone");
    }
    if (cache.options.count("db") != 0) refuse_second_database();
    return {path.substr(0, query), option.substr(3)};
}

std::string server_url(DescribedCache& cache) {
    const bool needs_server = cache.scheme == "memcached" || cache.scheme == "redis";
    if (cache.locations.empty() && needs_server) refuse_location("no server is given");
    std::vector<std::string_view> places;
    for (const std::string_view list : cache.locations) {
        for (std::size_t begin = 0; begin <= list.size();) {
            const auto end = std::min(list.find_first_of(",;", begin), list.size());
            places.push_back(without_blanks(list.substr(begin, end - begin)));
            begin = end + 1;
        }
    }
    if (places.size() > 1) {
        // Django reads from the others, which it takes for replicas.
        if (cache.scheme == "redis") {
            refuse_location("redis takes one server, and none beside it to read from");
        }
        if (std::any_of(places.begin(), places.end(), is_url)) {
            refuse_location("a URL stands alone; several servers are listed without a scheme");
        }
    }
    std::string hosts;
    for (const auto place : places) {
        if (const auto path = path_in(place)) {
            if (places.size() > 1) refuse_location("a socket must be the only server");
            const auto [file, database] = split_database(*path, place, cache);
            const auto scheme = cache.scheme == "redis" ? "redis+unix" : cache.scheme;
            const auto url = with_login(scheme + "://" + percent_encoded(file, "/"), cache);
            return database.empty() ? url : url + "?db=" + percent_encoded(database);
        }
        const std::string host_characters = std::string{letters_and_digits} + "-._:[]";
        if (place.find_first_not_of(host_characters) != std::string_view::npos) {
            refuse_location(
                "a name has a character that is not a letter, a digit, -, . or _; a path begins "
                "with a slash");
        }
        if (!hosts.empty() || place.empty()) hosts += ',';
        hosts += place;
    }
    auto url = with_login(cache.scheme + "://" + hosts, cache);
    if (cache.scheme == "redis" && cache.options.count("db") != 0) {
        url.append("/").append(take_database(cache));
    }
    return url;
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string lower{text};
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return lower;
}

std::string percent_encoded(std::string_view text, std::string_view also) {
    constexpr char digits[] = "0123456789ABCDEF";
    const std::string plain = letters_and_digits + std::string{"-._~"}.append(also);
    std::string encoded;
    for (const char c : text) {
        if (plain.find(c) != std::string::npos) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            (encoded += '%') += digits[byte >> 4];
            encoded += digits[byte & 0xf];
        }
    }
    return encoded;
}

std::string scheme_of(std::string_view backend) {
    auto scheme = lower_case(backend);
    for (const auto& [name, ours] : django_backends) {
        if (scheme == name) scheme = ours;
    }
    return scheme;
}

std::string url_of(const DescribedCache& described) {
    DescribedCache cache = described;
    // Where a text of redis lists several, the second one has a scheme, too.
    const auto is_one_url = [&] {
        const std::string_view text = cache.locations.front();
        return is_url(text) &&
               (cache.scheme != "redis" || text.find("://", text.find("://") + 3) == text.npos);
    };
    std::string url;
    if (cache.locations.size() == 1 && is_one_url()) {
        url = url_in(cache.locations.front(), cache);
    } else if (cache.scheme == "file" || cache.scheme == "sqlite") {
        url = file_url(cache);
    } else {
        url = server_url(cache);
    }
    char separator = url.find('?') == std::string::npos ? '?' : '&';
    for (const auto& [name, option] : cache.options) {
        (url += separator).append(name).append("=") += percent_encoded(option.value);
        separator = '&';
    }
    return url;
}

std::string retold(std::string_view message, const DescribedCache::Options& options) {
    const auto member_of = [&](std::string_view option) -> std::string {
        const auto known = options.find(option);
        return known == options.end() ? "LOCATION" : known->second.member;
    };
    if (message.starts_with("cache URL (")) message.remove_prefix(message.find(": ") + 2);

    if (message.starts_with("option ")) {
        // option "timeout" is given twice; option timeout=abc: expected is ...
        const auto rest = message.substr(7);
        const bool is_quoted = rest.starts_with('"');
        const auto name = rest.substr(is_quoted ? 1 : 0);
        const auto end = std::min(name.find(is_quoted ? '"' : '='), name.size());
        const auto known = options.find(name.substr(0, end));
        if (known == options.end()) return std::string{"LOCATION: "}.append(message);
        const auto after = name.substr(end);
        return known->second.member + std::string{after.substr(is_quoted ? 1 : 0)};
    }
    for (const std::string_view before :
         {"there is no option named ", "there are no options named "}) {
        if (!message.starts_with(before)) continue;
        auto names = message.substr(before.size());
        names = names.substr(0, names.find(';'));
        std::string members;
        while (!names.empty()) {
            const auto end = names.find(", ");
            members.append(members.empty() ? "" : ", ").append(member_of(names.substr(0, end)));
            names = end == std::string_view::npos ? std::string_view{} : names.substr(end + 2);
        }
        return members.append(": ").append(message);
    }
    if (message.starts_with("key_prefix: ")) {
        return member_of("key_prefix") + std::string{message.substr(10)};
    }
    if (message.starts_with("key function ")) {
        return member_of("key_function").append(": ").append(message);
    }
    const auto is_location = [&](std::string_view begin) { return message.starts_with(begin); };
    constexpr std::string_view locations[] = {"host ", "the port ", "the path ",
                                              "an @ ", "the name ", "the value "};
    if (std::any_of(std::begin(locations), std::end(locations), is_location)) {
        return std::string{"LOCATION: "}.append(message);
    }
    return std::string{message};
}

}  // namespace cachemodel::detail
