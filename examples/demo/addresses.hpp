// cachemodel: the demo: addresses, and the slow method that finds out where they are.
// SPDX-License-Identifier: MIT
#pragma once

#include "demo/source.hpp"

#include <cachemodel/cached_method.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace demo {

/// Where an address is, according to ISO 3166.
struct Location {
    std::string code;  ///< of the subdivision; empty where there is none of that name
    std::string path;  ///< the names from the subdivision up to the country

    bool operator==(const Location&) const = default;
};

/// An address as somebody has written it.
struct Address {
    std::string street;
    std::string subdivision;  ///< in full, as the country itself is: "Napoli", "Italy"
    std::string country;
    Source* source = nullptr;  ///< where to look it up

    /// Slow: one query to find the subdivision by its name, and one for each level above it.
    Location locate() const;
};

/// What a location depends on: neither the street, nor where it is looked up.
using Locate = cachemodel::CachedMethod<&Address::locate, &Address::subdivision, &Address::country>;

/// Addresses in `count` subdivisions of all the world, three in each.
std::vector<Address> sample_addresses(Source& source, std::size_t count);

}  // namespace demo
