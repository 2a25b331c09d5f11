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

bool has_one_url(const DescribedCache& cache) {
    if (cache.locations.size() != 1 || !is_url(cache.locations.front())) return false;
    // Where a text of redis lists several, the second one has a scheme, too.
    const std::string_view text = cache.locations.front();
    return cache.scheme != "redis" || text.find("://", text.find("://") + 3) == text.npos;
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

bool has_login(const DescribedCache& cache) { return cache.user || cache.password; }

/// What user or password are called in a document that has one.
const std::string& login_member(const DescribedCache& cache) {
    return (cache.user ? *cache.user : *cache.password).member;
}

std::string with_login(std::string_view url, const DescribedCache& cache) {
    const auto login = login_of(cache);
    if (login.empty()) return std::string{url};
    if (url.find('@') != std::string_view::npos) {
        throw ConfigError(login_member(cache) + ": LOCATION has a user or a password, too");
    }
    const auto after_scheme = url.find("://") + 3;
    const auto rest = url.substr(after_scheme);
    if (rest.empty() || rest.starts_with('?')) {
        throw ConfigError(login_member(cache) + ": there is no server that it could be meant for");
    }
    return std::string{url.substr(0, after_scheme)} + login + std::string{rest};
}

/// There is a number in OPTIONS.
[[noreturn]] void refuse_second_database(const DescribedCache& cache) {
    throw ConfigError(cache.options.find("db")->second.member + ": LOCATION names a database, too");
}

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
        if (url.find("?db=") != url.npos || url.find("&db=") != url.npos) {
            refuse_location("the database of a redis URL is its path, redis://host/1");
        }
        const auto end = std::min(url.find_first_of("/?", url.find("://") + 3), url.size());
        if (url.compare(end, 1, "/") != 0) {
            url.insert(end, "/");
        } else if (end + 1 < url.size() && url[end + 1] != '?') {
            refuse_second_database(cache);
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
    if (cache.options.count("db") != 0) refuse_second_database(cache);
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
    std::string url;
    if (has_one_url(cache)) {
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

std::string retold(const ConfigProblem& problem, const DescribedCache& cache) {
    std::vector<std::string> members;
    switch (problem.part) {
        case ConfigProblem::Part::scheme:
            members.emplace_back(has_one_url(cache) ? "LOCATION" : "BACKEND");
            break;
        case ConfigProblem::Part::location:
            members.emplace_back("LOCATION");
            break;
        case ConfigProblem::Part::login:
            members.push_back(has_login(cache) ? login_member(cache) : "LOCATION");
            break;
        case ConfigProblem::Part::options:
            for (const auto& name : problem.options) {
                const auto known = cache.options.find(name);
                const bool is_known = known != cache.options.end();
                auto member = is_known ? known->second.member : "LOCATION";
                if (is_known && !problem.behind_name.empty()) return member + problem.behind_name;
                if (std::find(members.begin(), members.end(), member) == members.end()) {
                    members.push_back(std::move(member));
                }
            }
            break;
    }
    std::string list;
    for (const auto& member : members) list.append(list.empty() ? "" : ", ").append(member);
    return list + ": " + problem.text;
}

}  // namespace cachemodel::detail
