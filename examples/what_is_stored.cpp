// cachemodel example: the bytes of an entry.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <cctype>
#include <iomanip>
#include <iostream>

using namespace cachemodel;

namespace {

void dump(const std::string& bytes) {
    for (std::size_t line = 0; line < bytes.size(); line += 16) {
        std::string text;
        for (std::size_t i = line; i < line + 16; ++i) {
            if (i >= bytes.size()) {
                std::cout << "   ";
                continue;
            }
            const auto byte = static_cast<unsigned char>(bytes[i]);
            std::cout << std::hex << std::setw(2) << std::setfill('0') << int{byte} << ' ';
            text += std::isprint(byte) != 0 ? bytes[i] : '.';
        }
        std::cout << ' ' << text << '\n';
    }
}

}  // namespace

// [model]
struct City {
    Key<std::string> name;
    Field<int> people;
    Field<std::vector<std::string>> rivers;
    Reference<City> twin;
};
// [/model]

int main() {
    // A clock that stands still: the time of writing is part of the entry.
    const testing::TurnableClock clock;
    const auto backend = std::make_shared<testing::ScriptedBackend>(clock);
    const Models<City> cities{Cache{backend, {.clock = clock}}};

    // [save]
    cities.save({.name = "Graz",
                 .people = 300'000,
                 .rivers = {"Mur"},
                 .twin = Reference<City>::to("Trieste")});
    dump(backend->stored(cities.cache().final_key(cities.key_for("Graz"))).value());
    // [/save]
}
