// cachemodel: two translation units of one program agree.
// SPDX-License-Identifier: MIT
#include "everything.hpp"

#include <iostream>

int main() {
    const auto written = first_saves();
    const auto read = second_reads();
    if (written == read) return 0;
    std::cerr << "written: " << written << ", read: " << read << '\n';
    return 1;
}
