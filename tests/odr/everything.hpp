// cachemodel: all public headers, and a model and cached calls that two translation units share.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/binary.hpp>
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/json.hpp>
#include <cachemodel/testing/call_log.hpp>
#include <cachemodel/testing/invalidation_check.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <string>

struct Planet {
    cachemodel::Key<std::string> name;
    cachemodel::Field<int> moons;
    cachemodel::Reference<Planet> inner_neighbour;
};

struct Orbit {
    int radius = 0;
    struct Cleaned {
        int radius;
    };
    Cleaned cleaned_data() const { return {radius}; }
    int length() const;  // differs from run to run, so that a second run shows
};
int days_of(const std::string& planet);

inline const cachemodel::CachedMethod<&Orbit::length, &Orbit::radius> cached_length;
inline const cachemodel::CachedFormMethod<&Orbit::length> cached_form_length;
inline const cachemodel::CachedFunction<&days_of> cached_days;

std::string first_saves();
std::string second_reads();
