// cachemodel: files of expected bytes, kept under tests/golden/.
// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cachemodel::tests {

/// The bytes of tests/golden/`name`. A file that is not there is an exception naming it.
inline std::string golden(std::string_view name) {
    const auto path = std::filesystem::path{CACHEMODEL_TESTS_DIRECTORY} / "golden" / name;
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{"cannot read " + path.string()};
    return {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}

}  // namespace cachemodel::tests
