// cachemodel: feeds the files named on the command line to a fuzz target, without a fuzzer.
// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argument_count, char** arguments) {
    if (argument_count < 2) {
        std::cerr << "there is no file to replay\n";
        return 1;
    }
    for (int i = 1; i < argument_count; ++i) {
        std::ifstream file{arguments[i], std::ios::binary};
        if (!file) {
            std::cerr << "cannot read " << arguments[i] << '\n';
            return 1;
        }
        const std::string bytes{std::istreambuf_iterator<char>{file},
                                std::istreambuf_iterator<char>{}};
        // Named before it runs, so that a crash says which file did it.
        std::cout << arguments[i] << std::endl;
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    return 0;
}
