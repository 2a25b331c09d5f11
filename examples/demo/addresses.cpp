// cachemodel: the demo: addresses, and the slow method that finds out where they are.
// SPDX-License-Identifier: MIT
#include "demo/addresses.hpp"

namespace demo {

Location Address::locate() const {
    Location location;
    std::string parent;
    source->ask(
        "SELECT subdivision.code, subdivision.name, subdivision.parent FROM subdivision"
        " JOIN country ON country.code = subdivision.country"
        " WHERE subdivision.name = ? AND country.name = ? ORDER BY subdivision.code LIMIT 1",
        {subdivision, country}, [&](const Statement& row) {
            location = {row.text(0), row.text(1)};
            parent = row.text(2);
        });
    if (location.code.empty()) return location;
    while (!parent.empty()) {
        const auto above = parent;
        source->ask("SELECT name, parent FROM subdivision WHERE code = ?", {above},
                    [&](const Statement& row) {
                        location.path += ", " + row.text(0);
                        parent = row.text(1);
                    });
    }
    location.path += ", " + country;
    return location;
}

std::vector<Address> sample_addresses(Source& source, std::size_t count) {
    std::vector<Address> places;
    source.ask(
        "SELECT DISTINCT subdivision.name, country.name FROM subdivision"
        " JOIN country ON country.code = subdivision.country ORDER BY 2, 1",
        {}, [&](const Statement& row) {
            places.push_back(
                {.subdivision = row.text(0), .country = row.text(1), .source = &source});
        });
    std::vector<Address> addresses;
    for (std::size_t i = 0; i < count; ++i) {
        for (const char* street : {"Main Street 1", "Station Road 2", "Market Square 3"}) {
            addresses.push_back(places[i * places.size() / count]);
            addresses.back().street = street;
        }
    }
    return addresses;
}

}  // namespace demo
