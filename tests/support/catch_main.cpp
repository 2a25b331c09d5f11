// cachemodel: Catch2 version 2 and its main(), compiled once for all test programs.
// SPDX-License-Identifier: MIT
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
