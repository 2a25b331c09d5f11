// cachemodel: all public headers, and a model that two translation units share.
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

std::string first_saves();
std::string second_reads();
