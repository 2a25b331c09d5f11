// cachemodel example: caches configured by URLs, by a JSON document and in code.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memory.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/caches_json.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;

// [secret]
/// `text` as it may stand in any part of a URL.
std::string percent_encoded(const std::string& text) {
    std::string encoded;
    for (const char c : text) {
        constexpr char digits[] = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += digits[byte / 16];
        encoded += digits[byte % 16];
    }
    return encoded;
}

std::string sessions_url() {
    const char* const password = std::getenv("SESSIONS_PASSWORD");
    if (password == nullptr) throw std::runtime_error("SESSIONS_PASSWORD is not set");
    return "redis://:" + percent_encoded(password) + "@10.0.0.3/1?deadline=100ms";
}
// [/secret]

int main() {
    // [urls]
    caches().configure("default", "memory://?max_bytes=16MiB&timeout=60");
    caches().configure("rates", "memory://rates?key_prefix=site1&version=2");
    // [/urls]

    // [code]
    const auto store = std::make_shared<MemoryBackend>(MemoryOptions{.max_bytes = 16 << 20});
    caches().configure("pages", Cache{store, {.key_prefix = "pages", .timeout = 15min}});
    caches().configure("thumbs", Cache{store, {.key_prefix = "thumbs", .timeout = never}});
    // [/code]
    caches()["pages"].set("front", "<html>");
    std::cout << "thumbs has it: " << caches()["thumbs"].contains("front") << '\n';

    // [json]
    configure_caches(R"({
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "TIMEOUT": 60,
            "KEY_PREFIX": "shop",
            "VERSION": 2,
            "KEY_FUNCTION": "digest",
            "OPTIONS": {"MAX_BYTES": "16MiB", "MAX_ENTRIES": 10000}
        },
        "rates": {"BACKEND": "memory", "LOCATION": "rates", "TIMEOUT": null},
        "off": "null://"
    })");
    // [/json]
    for (const auto& name : caches().names()) std::cout << name << ' ';
    std::cout << '\n' << caches()["default"].final_key("k") << '\n';

    // [wrong]
    try {
        configure_caches(R"({"sessions": {"BACKEND": "memory", "OPTIONS": {"MAX_ENTRYS": 5}}})");
    } catch (const ConfigError& error) {
        std::cout << error.what() << '\n';
    }
    try {
        configure_caches("{\n  \"default\": \"memory://\",\n}");
    } catch (const ConfigError& error) {
        std::cout << error.what() << '\n';
    }
    // [/wrong]

    // [lenient]
    for (const auto& warning : configure_caches(
             R"({"default": {"BACKEND": "null", "LENIENT": true, "TIMEOUT": "soon"}})")) {
        std::cout << warning << '\n';
    }
    // [/lenient]

    // [redacted]
    ::setenv("SESSIONS_PASSWORD", "p@ss/word", 1);
    const auto url = CacheUrl::parse(sessions_url());
    std::cout << url.redacted() << '\n';
    // [/redacted]
    std::cout << url.password() << '\n';
}
