// cachemodel example: keys and entries, byte by byte.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <iostream>
#include <stdexcept>

using namespace cachemodel;
using namespace std::chrono_literals;

namespace {

/// So many bytes of an entry, and what they are.
struct Part {
    std::size_t size;
    std::string meaning;
    bool differs = false;  // each time
};

void show(const std::string& bytes, std::initializer_list<Part> parts) {
    std::size_t at = 0;
    for (const auto& part : parts) {
        for (std::size_t i = 0; i < part.size; i += 16) {
            std::string line;
            for (const char c : bytes.substr(at + i, std::min<std::size_t>(16, part.size - i))) {
                char digits[4];
                std::snprintf(digits, sizeof digits, "%02x ", static_cast<unsigned char>(c));
                line += part.differs ? ".. " : digits;
            }
            line.resize(50, ' ');
            if (i == 0) line += part.meaning;
            line.erase(line.find_last_not_of(' ') + 1);
            std::cout << line << '\n';
        }
        at += part.size;
    }
    if (at != bytes.size()) throw std::logic_error{"the parts are not the whole entry"};
}

}  // namespace

// [city]
struct City {
    static constexpr ModelOptions cache_options{.version = 2};
    static constexpr WireNames wire_names{{"people", "inhabitants"}};

    Key<std::string> country;
    Key<int> zip;
    Field<int> people;
    Field<std::optional<std::string>> mayor;
    Field<std::chrono::minutes> to_airport;
    Reference<City> twin;
};
// [/city]

// [tram]
struct Tram {
    static constexpr ModelOptions cache_options{
        .expires = 1h, .remember_missing = 1min, .early_refresh = 1};

    Key<int> line;
    Field<std::string> terminus;

    void from_miss() {
        if (line == 2) throw Missing{};
        terminus = "Andritz";
    }
};
// [/tram]

struct Document {
    Key<std::string> path;
    Field<bool> read;
};

int main() {
    const testing::TurnableClock clock;  // the time of writing is part of the entry
    const auto backend = std::make_shared<testing::ScriptedBackend>(clock);
    backend->capabilities_to_claim().lifetime_resolution = 1s;  // as of memcached
    const Cache cache{backend, {.key_prefix = "geo", .version = 7, .clock = clock}};
    const auto stored = [&](std::string_view key) {
        const std::string final_key = cache.final_key(key);
        std::cout << final_key << '\n';
        return backend->stored(final_key).value();
    };

    // [model]
    const Models<City> cities{cache};
    cities.save({.country = "AT",
                 .zip = 8010,
                 .people = 300'000,
                 .to_airport = 15min,
                 .twin = Reference<City>::to("I", 34100)});
    // [/model]
    show(stored(cities.key_for("AT", 8010)), {
                                                 {2, "magic"},
                                                 {1, "format 1"},
                                                 {1, "flags: none"},
                                                 {8, "written 1,893,456,000,000 ms after 1970"},
                                                 {4, "the key has 28 bytes"},
                                                 {28, "City@2/country=\"AT\",zip=8010"},
                                                 {1, "a map of 4, in which none of the keys is"},
                                                 {12, "\"inhabitants\", the wire name"},
                                                 {5, "300000"},
                                                 {6, "\"mayor\""},
                                                 {1, "null"},
                                                 {11, "\"to_airport\""},
                                                 {6, "[15, \"min\"]"},
                                                 {5, "\"twin\""},
                                                 {6, "[\"I\", 34100], the keys of the target"},
                                                 {8, "XXH3-64 of all of the above"},
                                             });

    // [value]
    cache.set("greeting", "hello", 1500ms);
    // [/value]
    show(stored("greeting"), {
                                 {2, "magic"},
                                 {1, "format 1"},
                                 {1, "flags: bit 0, fresh-until follows the time of writing"},
                                 {8, "written 1,893,456,000,000 ms after 1970"},
                                 {8, "fresh until 1,893,456,001,500 ms after 1970"},
                                 {4, "the key has 14 bytes"},
                                 {14, "geo:7:greeting, the final key"},
                                 {6, "\"hello\""},
                                 {8, "XXH3-64"},
                             });

    // [plain]
    cache.set("nobody", nullptr);
    cache.set("visits", 42);
    // [/plain]
    show(stored("nobody"), {
                               {2, "magic"},
                               {1, "format 1"},
                               {1, "flags: none"},
                               {8, "written 1,893,456,000,000 ms after 1970"},
                               {4, "the key has 12 bytes"},
                               {12, "geo:7:nobody, the final key"},
                               {1, "null"},
                               {8, "XXH3-64"},
                           });
    show(stored("visits"), {{2, "42, without an envelope"}});

    // [long]
    const Models<Document> documents{cache};
    const std::string path(165, 'a');
    documents.save({.path = path, .read = true});
    // [/long]
    show(stored(documents.key_for(path)), {
                                              {2, "magic"},
                                              {1, "format 1"},
                                              {1, "flags: none"},
                                              {8, "written 1,893,456,000,000 ms after 1970"},
                                              {4, "the key has 183 bytes"},
                                              {183, "Document@1/path=\"aaa…\", all of it"},
                                              {1, "a map of 1"},
                                              {5, "\"read\""},
                                              {1, "true"},
                                              {8, "XXH3-64"},
                                          });

    // [loaded]
    const Models<Tram> trams{cache};
    std::cout << trams.get(5).terminus << '\n';
    // [/loaded]
    show(stored(trams.key_for(5)), {
                                       {2, "magic"},
                                       {1, "format 1"},
                                       {1, "flags: bits 0 and 1"},
                                       {8, "written 1,893,456,000,000 ms after 1970"},
                                       {8, "fresh until 1,893,459,600,000 ms after 1970"},
                                       {4, "the load took 0 ms"},
                                       {4, "the key has 13 bytes"},
                                       {13, "Tram@1/line=5"},
                                       {1, "a map of 1"},
                                       {9, "\"terminus\""},
                                       {8, "\"Andritz\""},
                                       {8, "XXH3-64"},
                                   });

    // [missing]
    std::cout << trams.find(2).absent() << '\n';
    // [/missing]
    show(stored(trams.key_for(2)), {
                                       {2, "magic"},
                                       {1, "format 1"},
                                       {1, "flags: bit 4, the source is known to have none"},
                                       {8, "written 1,893,456,000,000 ms after 1970"},
                                       {4, "the key has 13 bytes"},
                                       {13, "Tram@1/line=2"},
                                       {8, "XXH3-64; there is no body"},
                                   });

    // [removed]
    trams.remove(5);
    // [/removed]
    show(stored(trams.key_for(5)), {
                                       {2, "magic"},
                                       {1, "format 1"},
                                       {1, "flags: bit 3, the epoch follows"},
                                       {8, "written 1,893,456,000,000 ms after 1970"},
                                       {8, "the epoch, a random number", true},
                                       {4, "the key has 13 bytes"},
                                       {13, "Tram@1/line=5"},
                                       {8, "XXH3-64; there is no body", true},
                                   });
}
