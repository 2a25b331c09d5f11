// cachemodel: which of some words another one may be meant as.
// SPDX-License-Identifier: MIT
#include "misspelt.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace cachemodel::detail {

bool is_misspelt(std::string_view written, std::string_view meant) {
    std::vector<std::size_t> row(meant.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
    for (std::size_t i = 0; i < written.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < meant.size(); ++j) {
            const std::size_t changed = diagonal + (written[i] == meant[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back() <= 2;
}

}  // namespace cachemodel::detail
