// cachemodel: what building is compared with: a program that includes a JSON library.
// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>
