// cachemodel: the demo: what is cached, and how it is loaded where it is not.
// SPDX-License-Identifier: MIT
#pragma once

#include "demo/source.hpp"

#include <cachemodel/field.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/model.hpp>
#include <cachemodel/reference.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace demo {

inline constexpr cachemodel::ModelOptions ten_minutes{.expires = std::chrono::minutes{10}};

/// ISO 3166-1.
struct Country {
    static constexpr cachemodel::ModelOptions cache_options = ten_minutes;

    cachemodel::Key<std::string> code;  // of two letters
    cachemodel::Field<std::string> alpha_3;
    cachemodel::Field<std::string> number;
    cachemodel::Field<std::string> name;
    cachemodel::Field<std::optional<std::string>> official_name;
    cachemodel::Field<std::string> flag;

    void from_miss(Source& source);
    static std::vector<Country> from_miss_many(std::span<const Country> wanted, Source& source);
};

/// ISO 3166-2: a province, a canton, a county, …
struct Subdivision {
    static constexpr cachemodel::ModelOptions cache_options = ten_minutes;

    cachemodel::Key<std::string> code;
    cachemodel::Field<std::string> name;
    cachemodel::Field<std::string> type;
    cachemodel::Reference<Country> country;
    cachemodel::Reference<Subdivision> parent;  // null for most

    void from_miss(Source& source);
    static std::vector<Subdivision> from_miss_many(std::span<const Subdivision> wanted,
                                                   Source& source);
};

/// ISO 4217.
struct Currency {
    static constexpr cachemodel::ModelOptions cache_options = ten_minutes;

    cachemodel::Key<std::string> code;
    cachemodel::Field<std::string> number;
    cachemodel::Field<std::string> name;

    void from_miss(Source& source);
    static std::vector<Currency> from_miss_many(std::span<const Currency> wanted, Source& source);
};

/// ISO 639-3.
struct Language {
    static constexpr cachemodel::ModelOptions cache_options = ten_minutes;

    cachemodel::Key<std::string> code;  // of three letters
    cachemodel::Field<std::optional<std::string>> alpha_2;
    cachemodel::Field<std::string> name;
    cachemodel::Field<std::string> scope;
    cachemodel::Field<std::string> type;

    void from_miss(Source& source);
    static std::vector<Language> from_miss_many(std::span<const Language> wanted, Source& source);
};

}  // namespace demo
